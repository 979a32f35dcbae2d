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

use crate::input::Pairs;
use crate::{Problem, kinds};

/// What each operation takes.
type Declared = HashMap<(String, Method), Takes>;

struct Takes {
    /// The names of its query parameters.
    query: BTreeSet<String>,
    /// Whether it holds `If-Match`.
    if_match: bool,
}

/// Has every route of the description refuse (400) what its query should not hold: unknown names,
/// names in another case, names that are there twice; and `If-Match` (412) where it is not held.
pub fn declared_queries(router: Router, description: &OpenApi) -> Router {
    let declared: Arc<Declared> = Arc::new(
        description
            .paths
            .paths
            .iter()
            .flat_map(|(path, item)| of_path(path, item))
            .collect(),
    );
    router.layer(from_fn_with_state(declared, check))
}

fn of_path<'a>(
    path: &'a str,
    item: &'a PathItem,
) -> impl Iterator<Item = ((String, Method), Takes)> + 'a {
    let operations = [
        (Method::GET, &item.get),
        (Method::POST, &item.post),
        (Method::PUT, &item.put),
        (Method::PATCH, &item.patch),
        (Method::DELETE, &item.delete),
    ];
    operations
        .into_iter()
        .filter_map(move |(method, operation)| {
            let takes = takes(operation.as_ref()?);
            Some(((path.to_owned(), method), takes))
        })
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
    if let Some(path) = request.extensions().get::<MatchedPath>()
        && let Some(takes) = declared.get(&(path.as_str().to_owned(), method))
        && let Err(problem) = takes.check(&request)
    {
        return problem.into_response();
    }
    next.run(request).await
}

impl Takes {
    fn check(&self, request: &Request) -> Result<(), Problem> {
        let conditional = request.headers().contains_key(header::IF_MATCH);
        if conditional && !self.if_match && !request.method().is_safe() {
            // What has no version has none that would match (RFC 9110, 13.1.1).
            return Err(Problem::new(kinds::PRECONDITION_FAILED).detail(
                "この操作では If-Match を使えません",
                "This operation takes no If-Match",
            ));
        }
        let query = request.uri().query().unwrap_or_default();
        let among = Pairs::of(query).and_then(|pairs| pairs.among(&self.query));
        among.map_err(|error| error.of_query())
    }
}
