//! Filters, facets, orders and pages: each against a plain look at every document.

use meguri_search::{Document, Found, Mode, Near, Query, Searcher, Sort, Synonyms};

use crate::documents::{Fixture, document, found, id, text};
use crate::ipadic::analyzer_with;

/// A hundred and twenty documents that differ in everything.
fn documents() -> Vec<Document> {
    let place = |number: u32| {
        let step = f64::from(number) / 100.0;
        (!number.is_multiple_of(5)).then_some((35.0 + step, 135.0 + step))
    };
    let documents = (1..=120_u32).map(|number| Document {
        kind: u8::from(number % 2 == 0),
        category: u8::try_from(number % 7).unwrap(),
        prefecture: (!number.is_multiple_of(4)).then_some(u8::try_from(number % 3 + 1).unwrap()),
        city: (number % 3 == 0).then(|| format!("{}市", number % 6)),
        online: number % 5 < 3,
        offline: number % 5 > 1,
        no_return_needed: number % 6 == 0,
        author: id(u64::from(number % 9)),
        place: place(number),
        tags: vec![format!("タグ{}", number % 4)],
        ..document(
            u64::from(number),
            if number % 2 == 0 {
                "犬の散歩"
            } else {
                "猫の世話"
            },
        )
    });
    documents.collect()
}

fn searcher() -> Searcher {
    let fixture = Fixture::new(analyzer_with(&[]));
    for document in documents() {
        fixture.index.put(&document).unwrap();
        if document.posted % 50 == 0 {
            fixture.index.commit("some").unwrap();
        }
    }
    fixture.index.commit("all").unwrap();
    fixture.index.searcher()
}

fn all() -> Query {
    Query {
        limit: 200,
        ..Query::default()
    }
}

fn search(searcher: &Searcher, query: &Query) -> Found {
    searcher.search(query, &Synonyms::default()).unwrap()
}

/// Which documents fit, the newest first.
fn expected(fits: impl Fn(&Document) -> bool) -> Vec<u64> {
    let fitting = documents().into_iter().filter(fits);
    let mut numbers: Vec<_> = fitting.map(|it| it.posted).collect();
    numbers.reverse();
    numbers
}

#[test]
fn an_empty_query_browses_all_the_newest_first() {
    let searcher = searcher();
    assert_eq!(found(&searcher, &all()), expected(|_| true));
    let found = search(&searcher, &Query { limit: 3, ..all() });
    assert_eq!(
        (found.total, found.hits.len(), found.relaxed),
        (120, 3, false)
    );
}

/// Whether a filter leaves exactly the documents that fit it.
fn holds(searcher: &Searcher, set: impl Fn(&mut Query), fits: impl Fn(&Document) -> bool) {
    let mut query = all();
    set(&mut query);
    let expected = expected(fits);
    assert!(!expected.is_empty(), "{query:?} finds nothing");
    assert_eq!(found(searcher, &query), expected, "{query:?}");
}

#[test]
fn each_filter_that_is_a_facet_leaves_what_fits_it() {
    let it = searcher();
    holds(&it, |query| query.kind = Some(1), |it| it.kind == 1);
    holds(&it, |query| query.category = Some(3), |it| it.category == 3);
    holds(
        &it,
        |query| query.prefecture = Some(2),
        |it| it.prefecture == Some(2),
    );
    holds(&it, |query| query.mode = Some(Mode::Online), |it| it.online);
    holds(
        &it,
        |query| query.mode = Some(Mode::Offline),
        |it| it.offline,
    );
    holds(
        &it,
        |query| query.no_return_needed = Some(true),
        |it| it.no_return_needed,
    );
    holds(
        &it,
        |query| query.no_return_needed = Some(false),
        |it| !it.no_return_needed,
    );
}

#[test]
fn each_other_filter_leaves_what_fits_it() {
    let it = searcher();
    for writing in ["３市", " 3市 ", "3\u{200b}市"] {
        let city = |query: &mut Query| query.city = Some(writing.to_owned());
        holds(&it, city, |it| it.city.as_deref() == Some("3市"));
    }
    holds(
        &it,
        |query| query.tag = Some("ﾀｸﾞ2".to_owned()),
        |it| it.tags == ["タグ2"],
    );
    holds(
        &it,
        |query| query.author = Some(id(4)),
        |it| it.author == id(4),
    );
    let blocked = |query: &mut Query| query.not_authors = vec![id(4), id(5)];
    holds(&it, blocked, |it| it.author != id(4) && it.author != id(5));
    holds(
        &it,
        |query| query.since_ms = Some(100_000),
        |it| it.posted >= 100,
    );
    let near = Near {
        lat: 35.5,
        lon: 135.5,
        km: 20.0,
    };
    let about = |it: &Document| it.place.is_some_and(|(lat, _)| (lat - 35.5).abs() < 0.14);
    holds(&it, |query| query.near = Some(near), about);
}

#[test]
fn five_filters_and_a_text_hold_together() {
    let query = Query {
        kind: Some(1),
        category: Some(4),
        prefecture: Some(1),
        mode: Some(Mode::Online),
        no_return_needed: Some(true),
        ..all()
    };
    let fits = |it: &Document| {
        it.kind == 1
            && it.category == 4
            && it.prefecture == Some(1)
            && it.online
            && it.no_return_needed
    };
    let searcher = searcher();
    assert_eq!(found(&searcher, &query), expected(fits));
    let query = Query {
        text: "犬".to_owned(),
        ..query
    };
    let mut hits = found(&searcher, &query);
    hits.sort_unstable_by(|one, other| other.cmp(one));
    assert_eq!(hits, expected(fits));
}

#[test]
fn a_facet_counts_with_every_filter_but_its_own() {
    let searcher = searcher();
    let query = Query {
        kind: Some(1),
        category: Some(3),
        mode: Some(Mode::Online),
        ..all()
    };
    let found = search(&searcher, &query);
    let count = |fits: &dyn Fn(&Document) -> bool| expected(fits).len() as u64;
    let fits = |it: &Document| it.kind == 1 && it.category == 3 && it.online;
    assert_eq!(found.total, count(&fits));
    let kinds = [0, 1].map(|kind| {
        (
            kind,
            count(&|it| it.kind == kind && it.category == 3 && it.online),
        )
    });
    assert_eq!(
        found.facets.kinds,
        kinds.into_iter().filter(|it| it.1 > 0).collect::<Vec<_>>()
    );
    let categories = (0..7).map(|category| {
        (
            category,
            count(&|it| it.kind == 1 && it.category == category && it.online),
        )
    });
    let categories: Vec<_> = categories.filter(|it| it.1 > 0).collect();
    assert_eq!(found.facets.categories, categories);
    assert_eq!(
        found.facets.offline,
        count(&|it| it.kind == 1 && it.category == 3 && it.offline)
    );
    assert_eq!(
        found.facets.no_return_needed,
        count(&|it| fits(it) && it.no_return_needed)
    );
    let in_some = found.facets.prefectures.iter().map(|it| it.1).sum::<u64>();
    assert_eq!(in_some, count(&|it| fits(it) && it.prefecture.is_some()));
}

#[test]
fn pages_follow_each_other_without_a_gap_or_a_repetition() {
    let searcher = searcher();
    let near = Near {
        lat: 35.5,
        lon: 135.5,
        km: 80.0,
    };
    for sort in [Sort::Relevance, Sort::Newest, Sort::Nearest] {
        for text in ["", "犬"] {
            let whole = Query {
                sort,
                text: text.to_owned(),
                near: Some(near),
                ..all()
            };
            let whole = found(&searcher, &whole);
            let mut page = Query {
                sort,
                text: text.to_owned(),
                near: Some(near),
                limit: 7,
                ..all()
            };
            let mut paged = Vec::new();
            loop {
                let hits = search(&searcher, &page).hits;
                paged.extend(hits.iter().map(|hit| hit.key.posted));
                let Some(last) = hits.last() else { break };
                page.after = Some(last.key);
            }
            assert!(whole.len() > 14, "{sort:?}: {}", whole.len());
            assert_eq!(paged, whole, "{sort:?} {text}");
        }
    }
}

#[test]
fn the_nearest_come_first_with_their_distance() {
    let near = Some(Near {
        lat: 35.5,
        lon: 135.5,
        km: 50.0,
    });
    let found = search(
        &searcher(),
        &Query {
            near,
            sort: Sort::Nearest,
            ..all()
        },
    );
    let metres: Vec<_> = found.hits.iter().map(|hit| hit.metres.unwrap()).collect();
    assert!(metres.is_sorted() && metres.len() > 10, "{metres:?}");
    assert!(*metres.last().unwrap() <= 50_000, "{metres:?}");
}

#[test]
fn a_text_that_fits_elsewhere_is_not_relaxed_by_a_filter() {
    let query = Query {
        kind: Some(0),
        ..text("犬")
    };
    let found = search(&searcher(), &query);
    assert_eq!((found.total, found.relaxed), (0, false));
    assert_eq!(found.facets.kinds, [(1, 60)]);
}
