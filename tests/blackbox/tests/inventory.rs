//! Compares the published reference with the responses that the black-box tests have received; runs after them.

use std::collections::BTreeSet;

use blackbox::hits::{self, Hit};
use blackbox::problems;
use blackbox::reference;

/// What the other tests have recorded.
fn recorded() -> Vec<Hit> {
    let hits = hits::all();
    assert!(
        !hits.is_empty(),
        "{} holds no hits: run the black-box tests first, `cargo nextest run -p blackbox --test blackbox`",
        hits::folder().display()
    );
    hits
}

#[test]
fn every_published_route_is_called_with_success() {
    let hits = recorded();
    let routes = reference::routes().expect("docs/reference/routes.md is published");
    assert!(!routes.is_empty(), "docs/reference/routes.md lists no route");
    let called = |route: &reference::RouteRow| {
        hits.iter().any(|hit| {
            hit.method == route.method && hit.status == 200 && reference::matches(&route.template, &hit.route)
        })
    };
    let missed: Vec<_> = routes.iter().filter(|route| !called(route)).collect();
    assert!(missed.is_empty(), "no test calls these routes with success: {missed:#?}");
}

#[test]
fn every_route_that_is_called_is_published() {
    let routes = reference::routes().expect("docs/reference/routes.md is published");
    let hits = recorded();
    // A dash stands for a request without a known path.
    let successes = hits.iter().filter(|hit| hit.status == 200 && hit.route != "-");
    // Every route with GET has HEAD.
    let method = |hit: &Hit| if hit.method == "HEAD" { "GET".to_owned() } else { hit.method.clone() };
    let unknown: BTreeSet<_> = successes
        .filter(|hit| {
            !routes.iter().any(|route| route.method == method(hit) && reference::matches(&route.template, &hit.route))
        })
        .map(|hit| (&hit.method, &hit.route))
        .collect();
    assert!(unknown.is_empty(), "these routes are served but not published: {unknown:#?}");
}

#[test]
fn every_published_error_is_provoked() {
    let hits = recorded();
    let errors = reference::errors().expect("docs/reference/errors.md is published");
    assert!(!errors.is_empty(), "docs/reference/errors.md lists no error");
    let provoked = |error: &reference::ErrorRow| {
        hits.iter().any(|hit| {
            hit.status == error.status && hit.code == error.code && hit.message.as_ref() == Some(&error.message)
        })
    };
    let missed: Vec<_> = errors.iter().filter(|error| !provoked(error)).collect();
    assert!(missed.is_empty(), "no test provokes these errors: {missed:#?}");
}

#[test]
fn every_promised_error_is_published() {
    let errors = reference::errors().expect("docs/reference/errors.md is published");
    let published = |problem: &problems::Problem| {
        errors.iter().any(|error| {
            error.status == problem.status && error.code.as_deref() == problem.code && error.message == problem.message
        })
    };
    let missed: Vec<_> = problems::ALL.iter().filter(|problem| !published(problem)).collect();
    assert!(missed.is_empty(), "these errors are not published as promised: {missed:#?}");
}
