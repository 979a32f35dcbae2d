//! The description of the API is the law: a query parameter that it does not name is refused,
//! whatever the route, and whether or not it looks at its query at all; so is a condition on an
//! operation that could not hold it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use utoipa::openapi::path::{Operation, Parameter, ParameterIn, PathItem};
use utoipa::openapi::{OpenApi, RefOr};

use crate::Problem;
use crate::head::not_held;
use crate::input::Pairs;

/// What each operation takes.
#[derive(Default)]
struct Declared {
    operations: HashMap<String, HashMap<Method, Takes>>,
    /// Routes beside the description which refuse by themselves what they do not know.
    own: &'static [&'static str],
}

#[derive(Default)]
struct Takes {
    /// The names of its query parameters.
    query: BTreeSet<String>,
    /// Whether it holds `If-Match`.
    if_match: bool,
}

/// Has every route refuse (400) what its query should not hold: unknown names, names in another
/// case, names that are there twice; and `If-Match` (412) where it is not held. A route that is not
/// described takes no query, unless it is one of those in `own`, which look after that themselves.
pub fn declared_queries(
    router: Router,
    description: &OpenApi,
    own: &'static [&'static str],
) -> Router {
    let described = description.paths.paths.iter();
    let operations = described.map(|(path, item)| (path.clone(), of_path(item)));
    let declared = Arc::new(Declared {
        operations: operations.collect(),
        own,
    });
    router.layer(from_fn_with_state(declared, check))
}

fn of_path(item: &PathItem) -> HashMap<Method, Takes> {
    let operations = [
        (Method::GET, &item.get),
        (Method::POST, &item.post),
        (Method::PUT, &item.put),
        (Method::PATCH, &item.patch),
        (Method::DELETE, &item.delete),
    ];
    let described = operations
        .into_iter()
        .filter_map(|(method, operation)| Some((method, takes(operation.as_ref()?))));
    described.collect()
}

fn takes(operation: &Operation) -> Takes {
    let parameters = operation.parameters.iter().flatten();
    let parameters = parameters.filter_map(|parameter| match parameter {
        RefOr::T(parameter) => Some(parameter),
        RefOr::Ref(_) => None,
    });
    let in_query = |it: &&Parameter| it.parameter_in == ParameterIn::Query;
    let query = parameters.clone().filter(in_query);
    let mut headers = parameters.filter(|it| it.parameter_in == ParameterIn::Header);
    Takes {
        query: query.map(|it| it.name.clone()).collect(),
        if_match: headers.any(|it| it.name.eq_ignore_ascii_case(header::IF_MATCH.as_str())),
    }
}

async fn check(State(declared): State<Arc<Declared>>, request: Request, next: Next) -> Response {
    // What answers GET answers HEAD, too.
    let method = match *request.method() {
        Method::HEAD => Method::GET,
        ref method => method.clone(),
    };
    let checked = match request.extensions().get::<MatchedPath>() {
        Some(path) => declared.check(path.as_str(), method, &request),
        None => Ok(()),
    };
    match checked {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

impl Declared {
    fn check(&self, path: &str, method: Method, request: &Request) -> Result<(), Problem> {
        if self.own.contains(&path) {
            return Ok(());
        }
        match self.operations.get(path) {
            None => Takes::default().check(request),
            // A method that is not described is refused for that.
            Some(operations) => operations
                .get(&method)
                .map_or(Ok(()), |takes| takes.check(request)),
        }
    }
}

impl Takes {
    fn check(&self, request: &Request) -> Result<(), Problem> {
        let conditional = request.headers().contains_key(header::IF_MATCH);
        if conditional && !self.if_match && !request.method().is_safe() {
            // What has no version has none that would match (RFC 9110, 13.1.1).
            return Err(not_held(&header::IF_MATCH));
        }
        let query = request.uri().query().unwrap_or_default();
        let among = Pairs::of(query).and_then(|pairs| pairs.among(&self.query));
        among.map_err(|error| error.of_query())
    }
}
