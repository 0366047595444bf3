use std::collections::BTreeSet;

/// The routes that a source file makes, as in `GET /collections/{name}`.
pub fn routes_in(source: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(super::checkout(source)).unwrap();
    let mut served = BTreeSet::new();
    for route in text.split(".route(").skip(1) {
        let pattern = route.split('"').nth(1).unwrap();
        for method in [
            "get", "put", "post", "delete", "patch", "head", "options", "any",
        ] {
            let called =
                |at: usize| !route[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            let call = format!("{method}(");
            let handlers = route.match_indices(&call);
            if handlers.map(|(at, _)| at).any(called) {
                served.insert(format!("{} {pattern}", method.to_uppercase()));
            }
        }
    }
    served
}
