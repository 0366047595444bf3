// Drives the server with @qdrant/js-client-rest, two tenants at a time. Run by ../js_roundtrip.py, which starts the
// server and makes the tenants: TENANTS is [{"name", "key"}, ..], LOCULE_URL the server.
//
// Both tenants use the same names and ids for different data. What is right is worked out here, point by point.

import assert from 'node:assert/strict';
import { QdrantClient } from '@qdrant/js-client-rest';

const COLLECTION = 'js';
const COUNT = 30;
const url = process.env.LOCULE_URL;
const tenants = JSON.parse(process.env.TENANTS).map(({ name, key }, place) => ({
    name,
    seed: place + 1,
    client: new QdrantClient({ url, apiKey: key, checkCompatibility: true }),
}));

// The client only warns where it finds a version that it doesn't know.
const complaints = [];
console.warn = (...words) => complaints.push(words.join(' '));

let passed = 0;
/** One check: for both tenants, each with its own data. */
async function check(title, ask) {
    for (const tenant of tenants) {
        try {
            await ask(tenant.client, tenant);
        } catch (error) {
            console.error(`FAILED  ${title} (${tenant.name}): ${error.message}`);
            console.error(error.data ? JSON.stringify(error.data) : error.stack);
            process.exit(1);
        }
    }
    passed += 1;
    console.log(`ok ${String(passed).padStart(3)} ${title}`);
}

/** Differs from tenant to tenant, and is the same each time. */
function vector(tenant, number) {
    return [1, 2, 3, 4].map((place) => (((number + 1) * Math.sqrt(tenant.seed + 1) * place) % 1) - 0.4);
}

function payload(tenant, number) {
    return { owner: tenant.name, n: number * tenant.seed, color: ['red', 'blue', 'grey'][(number * tenant.seed) % 3], tags: ['all', `t${number % 4}`] };
}

const numbers = [...Array(COUNT).keys()];

function cosine(one, other) {
    const dot = (a, b) => a.reduce((sum, part, place) => sum + part * b[place], 0);
    return dot(one, other) / Math.sqrt(dot(one, one) * dot(other, other));
}

/** The ids of the nearest, best first, among the points that pass. */
function nearest(tenant, query, limit, passes = () => true) {
    return numbers
        .filter((number) => passes(payload(tenant, number), number))
        .map((number) => ({ number, score: cosine(query, vector(tenant, number)) }))
        .sort((one, other) => other.score - one.score)
        .slice(0, limit);
}

function same(found, expected) {
    assert.deepEqual(found.map((point) => point.id), expected.map(({ number }) => number));
    found.forEach((point, place) => assert.ok(Math.abs(point.score - expected[place].score) < 1e-4));
}

const red = { must: [{ key: 'color', match: { value: 'red' } }] };

await check('createCollection', async (client) => {
    assert.equal(await client.createCollection(COLLECTION, { vectors: { size: 4, distance: 'Cosine' } }), true);
    assert.deepEqual(await client.collectionExists(COLLECTION), { exists: true });
    assert.deepEqual((await client.getCollections()).collections.map(({ name }) => name), [COLLECTION]);
});

await check('getCollection echoes the vectors', async (client) => {
    const info = await client.getCollection(COLLECTION);
    assert.equal(info.config.params.vectors.size, 4);
    assert.equal(info.config.params.vectors.distance, 'Cosine');
});

await check('upsert, as a list and as a batch', async (client, tenant) => {
    const half = numbers.slice(0, COUNT / 2);
    const rest = numbers.slice(COUNT / 2);
    const points = half.map((id) => ({ id, vector: vector(tenant, id), payload: payload(tenant, id) }));
    assert.equal((await client.upsert(COLLECTION, { wait: true, points })).status, 'completed');
    const batch = { ids: rest, vectors: rest.map((id) => vector(tenant, id)), payloads: rest.map((id) => payload(tenant, id)) };
    assert.equal((await client.upsert(COLLECTION, { wait: true, batch })).status, 'completed');
    assert.equal((await client.count(COLLECTION, { exact: true })).count, COUNT);
});

await check('query, nearest', async (client, tenant) => {
    const query = vector(tenant, 100);
    const { points } = await client.query(COLLECTION, { query, limit: 7, with_payload: true });
    same(points, nearest(tenant, query, 7));
    points.forEach((point) => assert.deepEqual(point.payload, payload(tenant, point.id)));
});

await check('query by id, filtered', async (client, tenant) => {
    const { points } = await client.query(COLLECTION, { query: 3, filter: red, limit: 5 });
    same(points, nearest(tenant, vector(tenant, 3), 5, ({ color }, number) => color === 'red' && number !== 3));
});

await check('queryBatch', async (client, tenant) => {
    const [one, two] = [vector(tenant, 200), vector(tenant, 300)];
    const found = await client.queryBatch(COLLECTION, { searches: [{ query: one, limit: 3 }, { query: two, limit: 4 }] });
    same(found[0].points, nearest(tenant, one, 3));
    same(found[1].points, nearest(tenant, two, 4));
});

await check('queryGroups', async (client, tenant) => {
    const query = vector(tenant, 100);
    const { groups } = await client.queryGroups(COLLECTION, { query, group_by: 'color', limit: 3, group_size: 2 });
    assert.equal(groups.length, new Set(numbers.map((number) => payload(tenant, number).color)).size);
    for (const { id, hits } of groups) {
        same(hits, nearest(tenant, query, 2, ({ color }) => color === id));
    }
});

await check('query with prefetches and fusion', async (client, tenant) => {
    const query = vector(tenant, 100);
    const prefetch = [{ query, limit: 5 }, { query, limit: 5, filter: red }];
    const { points } = await client.query(COLLECTION, { prefetch, query: { fusion: 'rrf' }, limit: 30 });
    const scores = new Map();
    for (const ranking of [nearest(tenant, query, 5), nearest(tenant, query, 5, ({ color }) => color === 'red')]) {
        ranking.forEach(({ number }, place) => scores.set(number, (scores.get(number) ?? 0) + 1 / (place + 2)));
    }
    assert.equal(points.length, scores.size);
    points.forEach((point) => assert.ok(Math.abs(point.score - scores.get(point.id)) < 1e-5));
});

await check('scroll, to the end', async (client, tenant) => {
    const found = [];
    let offset;
    do {
        const page = await client.scroll(COLLECTION, { limit: 8, offset, with_payload: ['owner'], with_vector: true });
        found.push(...page.points);
        offset = page.next_page_offset;
    } while (offset !== null && offset !== undefined);
    assert.deepEqual(found.map(({ id }) => id), numbers);
    found.forEach((point) => assert.deepEqual(point.payload, { owner: tenant.name }));
    found.forEach((point) => assert.ok(cosine(point.vector, vector(tenant, point.id)) > 0.99999));
});

await check('scroll in the order of a field', async (client, tenant) => {
    await client.createPayloadIndex(COLLECTION, { field_name: 'n', field_schema: 'integer', wait: true });
    const { points } = await client.scroll(COLLECTION, { order_by: { key: 'n', direction: 'desc' }, limit: 4 });
    assert.deepEqual(points.map((point) => point.payload.n), [29, 28, 27, 26].map((n) => n * tenant.seed));
});

await check('retrieve, one of three missing', async (client, tenant) => {
    const found = await client.retrieve(COLLECTION, { ids: [5, 1, 9999], with_payload: true });
    assert.deepEqual(found.map(({ id }) => id).sort(), [1, 5]);
    found.forEach((point) => assert.deepEqual(point.payload, payload(tenant, point.id)));
});

await check('facet', async (client, tenant) => {
    const { hits } = await client.facet(COLLECTION, { key: 'color', exact: true });
    const counts = Object.fromEntries(hits.map(({ value, count }) => [value, count]));
    for (const color of ['red', 'blue', 'grey']) {
        const expected = numbers.filter((number) => payload(tenant, number).color === color).length;
        assert.equal(counts[color] ?? 0, expected);
    }
});

await check('setPayload, overwritePayload, deletePayload, clearPayload', async (client, tenant) => {
    const wait = true;
    await client.setPayload(COLLECTION, { payload: { extra: true }, points: [1], wait });
    await client.overwritePayload(COLLECTION, { payload: { only: tenant.name }, points: [2], wait });
    await client.deletePayload(COLLECTION, { keys: ['tags'], points: [3], wait });
    await client.clearPayload(COLLECTION, { points: [4], wait });
    const found = await client.retrieve(COLLECTION, { ids: [1, 2, 3, 4], with_payload: true });
    const { tags, ...rest } = payload(tenant, 3);
    const expected = { 1: { ...payload(tenant, 1), extra: true }, 2: { only: tenant.name }, 3: rest, 4: {} };
    found.forEach((point) => assert.deepEqual(point.payload, expected[point.id]));
});

await check('updateVectors, deleteVectors', async (client, tenant) => {
    await client.updateVectors(COLLECTION, { points: [{ id: 5, vector: vector(tenant, 500) }], wait: true });
    const { points } = await client.query(COLLECTION, { query: vector(tenant, 500), limit: 1 });
    assert.equal(points[0].id, 5);
    await client.deleteVectors(COLLECTION, { points: [6], vector: [''], wait: true });
    const left = await client.count(COLLECTION, { filter: { must: [{ has_vector: '' }] }, exact: true });
    assert.equal(left.count, COUNT - 1);
});

await check('batchUpdate', async (client, tenant) => {
    const operations = [
        { upsert: { points: [{ id: 600, vector: vector(tenant, 600), payload: { owner: tenant.name } }] } },
        { set_payload: { payload: { more: 1 }, points: [600] } },
        { delete: { points: [7] } },
    ];
    const results = await client.batchUpdate(COLLECTION, { operations, wait: true });
    assert.deepEqual(results.map(({ status }) => status), ['completed', 'completed', 'completed']);
    const [made] = await client.retrieve(COLLECTION, { ids: [600, 7], with_payload: true });
    assert.deepEqual(made.payload, { owner: tenant.name, more: 1 });
});

await check('aliases', async (client) => {
    await client.updateCollectionAliases({ actions: [{ create_alias: { collection_name: COLLECTION, alias_name: 'now' } }] });
    assert.equal((await client.count('now', { exact: true })).count, COUNT);
    assert.deepEqual((await client.getAliases()).aliases, [{ collection_name: COLLECTION, alias_name: 'now' }]);
    assert.deepEqual((await client.getCollectionAliases(COLLECTION)).aliases.length, 1);
    await client.updateCollectionAliases({ actions: [{ delete_alias: { alias_name: 'now' } }] });
});

await check('updateCollection', async (client) => {
    assert.equal(await client.updateCollection(COLLECTION, { metadata: { of: 'js' } }), true);
    assert.deepEqual((await client.getCollection(COLLECTION)).config.metadata, { of: 'js' });
});

await check('delete by ids and by filter', async (client, tenant) => {
    await client.delete(COLLECTION, { points: [600], wait: true });
    await client.delete(COLLECTION, { filter: red, wait: true });
    const left = await client.count(COLLECTION, { filter: red, exact: true });
    assert.equal(left.count, 0);
    assert.ok((await client.count(COLLECTION, { exact: true })).count > 0, tenant.name);
});

await check('refusals carry the status and a message', async (client) => {
    await assert.rejects(client.getCollection('nowhere'), ({ status, data }) => status === 404 && /doesn't exist/.test(data.status.error));
    await assert.rejects(client.query(COLLECTION, { query: [1] }), ({ status }) => status === 400);
    await assert.rejects(client.createCollection(COLLECTION, { vectors: { size: 4, distance: 'Dot' } }), ({ status }) => status === 409);
});

const foreign = complaints.filter((complaint) => !/unsecure connection/.test(complaint));
assert.deepEqual(foreign, [], 'the client complains');
console.log(`@qdrant/js-client-rest: ${passed} checks passed`);
