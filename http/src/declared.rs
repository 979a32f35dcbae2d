//! The description of the API is the law: a query parameter that it does not name is refused,
//! whatever the route, and whether or not it looks at its query at all.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use utoipa::openapi::path::{Operation, ParameterIn, PathItem};
use utoipa::openapi::{OpenApi, RefOr};

use crate::input::Pairs;

/// The names of the query parameters of each operation.
type Declared = HashMap<(String, Method), BTreeSet<String>>;

/// Has every route of the description refuse (400) what its query should not hold: unknown names,
/// names in another case, names that are there twice.
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
) -> impl Iterator<Item = ((String, Method), BTreeSet<String>)> + 'a {
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
            let names = names(operation.as_ref()?);
            Some(((path.to_owned(), method), names))
        })
}

fn names(operation: &Operation) -> BTreeSet<String> {
    let parameters = operation.parameters.iter().flatten();
    let in_query = parameters.filter_map(|parameter| match parameter {
        RefOr::T(it) if it.parameter_in == ParameterIn::Query => Some(it.name.clone()),
        RefOr::T(_) | RefOr::Ref(_) => None,
    });
    in_query.collect()
}

async fn check(State(declared): State<Arc<Declared>>, request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default();
    if !query.is_empty()
        && let Some(path) = request.extensions().get::<MatchedPath>()
    {
        // What answers GET answers HEAD, too.
        let method = match *request.method() {
            Method::HEAD => Method::GET,
            ref method => method.clone(),
        };
        if let Some(names) = declared.get(&(path.as_str().to_owned(), method))
            && let Err(error) = Pairs::of(query).and_then(|pairs| pairs.among(names))
        {
            return error.of_query().into_response();
        }
    }
    next.run(request).await
}
