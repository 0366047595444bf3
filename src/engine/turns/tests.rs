use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use super::*;

const NOW: Timestamp = Timestamp(1_000_000);

fn tenant(number: u8) -> TenantUuid {
    TenantUuid::from_bytes([number; 16])
}

fn queue(places: usize) -> Arc<Queue> {
    Queue::new(places, &Arc::default())
}

fn ask(queue: &Arc<Queue>, who: u8, at_once_max: usize) -> Result<Asked, Busy> {
    ask_with(queue, who, at_once_max, None)
}

fn ask_with(
    queue: &Arc<Queue>,
    who: u8,
    at_once_max: usize,
    key: Option<(ApiKeyId, usize)>,
) -> Result<Asked, Busy> {
    let asking = Asking {
        tenant: tenant(who),
        at_once_max: Some(at_once_max),
        key,
    };
    let others = queue.recent.lock().saw(asking.tenant, NOW);
    queue.ask(asking, others)
}

fn now(queue: &Arc<Queue>, who: u8) -> Option<Turn> {
    match ask(queue, who, 100).unwrap() {
        Asked::Now(turn) => Some(turn),
        Asked::Later(_) => None,
    }
}

fn later(queue: &Arc<Queue>, who: u8) -> oneshot::Receiver<Turn> {
    match ask(queue, who, 100).unwrap() {
        Asked::Later(waiting) => waiting,
        Asked::Now(_) => panic!("there was a place"),
    }
}

fn has(waiting: &mut oneshot::Receiver<Turn>) -> Option<Turn> {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(waiting).poll(&mut context) {
        Poll::Ready(turn) => Some(turn.unwrap()),
        Poll::Pending => None,
    }
}

#[test]
fn a_lone_tenant_has_every_place_and_two_leave_each_other_room() {
    let queue = queue(4);
    let alone: Vec<_> = (0..4).map(|_| now(&queue, 1).unwrap()).collect();
    let mut second = later(&queue, 2);
    let mut third = later(&queue, 2);
    let mut more = later(&queue, 1);
    let mut alone = alone.into_iter();
    drop(alone.next());
    let second = has(&mut second).unwrap();
    drop(alone.next());
    let _third = has(&mut third).unwrap();
    assert!(has(&mut more).is_none(), "it has its half");
    drop(alone.next());
    let more = has(&mut more).unwrap();
    drop((second, more));
}

#[test]
fn who_has_had_least_time_is_next_however_many_of_the_others_wait() {
    let queue = queue(1);
    let running = now(&queue, 1).unwrap();
    let had = Duration::from_millis(5);
    queue.state.lock().tenants.get_mut(&tenant(1)).unwrap().had = had;
    let mut greedy: Vec<_> = (0..50).map(|_| later(&queue, 1)).collect();
    let mut modest = later(&queue, 2);
    drop(running);
    let turn = has(&mut modest).unwrap();
    assert!(greedy.iter_mut().all(|waiting| has(waiting).is_none()));
    drop(turn);
    assert!(has(&mut greedy[0]).is_some());
}

#[test]
fn who_goes_away_while_waiting_leaves_no_place_taken() {
    let queue = queue(1);
    for _ in 0..100 {
        let first = now(&queue, 1).unwrap();
        let second = later(&queue, 1);
        let third = later(&queue, 2);
        drop(second);
        drop(first);
        drop(third);
    }
    let state = queue.state.lock();
    assert_eq!(
        (state.taken, state.waiting.len(), state.tenants.len()),
        (0, 0, 0)
    );
}

#[test]
fn past_its_limit_work_is_refused_and_another_tenant_is_not() {
    let queue = queue(2);
    let _first = ask(&queue, 1, 2).unwrap();
    let _second = ask(&queue, 1, 2).unwrap();
    let busy = Busy::Tenant { at_once_max: 2 };
    assert_eq!(ask(&queue, 1, 2).err(), Some(busy));
    assert!(ask(&queue, 2, 2).is_ok());
}

#[test]
fn past_its_keys_limit_work_is_refused_and_another_keys_is_not() {
    let queue = queue(1);
    let key = |number, most| Some((ApiKeyId([number; 8]), most));
    let ask = |key| ask_with(&queue, 1, 4, key);
    let Asked::Now(running) = ask(key(7, 2)).unwrap() else {
        panic!("there was a place")
    };
    let waiting = ask(key(7, 2)).unwrap();
    let busy = Busy::Key { at_once_max: 2 };
    assert_eq!(ask(key(7, 2)).err(), Some(busy), "what waits is counted");
    let (_other, _without) = (ask(key(8, 1)).unwrap(), ask(None).unwrap());
    let busy = Busy::Tenant { at_once_max: 4 };
    assert_eq!(ask(None).err(), Some(busy), "the tenant's limit is for all");
    // One that has gone while it waited is counted until its turn comes.
    drop(waiting);
    assert_eq!(ask(key(7, 2)).err(), Some(Busy::Key { at_once_max: 2 }));
    drop(running);
    let state = queue.state.lock();
    assert_eq!(state.tenants[&tenant(1)].keys.len(), 1, "the other's alone");
}
