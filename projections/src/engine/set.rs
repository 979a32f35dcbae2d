//! Which views a process runs.

use std::sync::Arc;

use meguri_search::Analyzer;

use crate::engine::folding::{
    kinds::Kinds,
    search::Searching,
    view::{AnyFold, AnyView, Searched, View, ViewOf},
};

/// Views to run, each once.
#[derive(Clone)]
pub struct ViewSet(pub(crate) Vec<Arc<dyn AnyView>>);

impl std::fmt::Debug for ViewSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set()
            .entries(self.0.iter().map(|view| view.name()))
            .finish()
    }
}

/// A view type as a value.
pub(crate) fn of<V: View>() -> Arc<dyn AnyView> {
    Arc::new(ViewOf::<V>::new())
}

/// A view type that is searched, as a value.
pub(crate) fn searched<V: Searched>(analyzer: Analyzer) -> Arc<dyn AnyView> {
    Arc::new(ViewOf::<V>::searched(analyzer))
}

impl ViewSet {
    /// The names of the views.
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|view| view.name()).collect()
    }

    /// Only the views of these names: what reads others finds them not ready.
    #[must_use]
    pub fn only(mut self, names: &[&str]) -> Self {
        self.0.retain(|view| names.contains(&view.name()));
        self
    }

    /// The same views; text is found by what this analyzer makes of it.
    #[must_use]
    pub fn searching_by(mut self, analyzer: &Analyzer) -> Self {
        for view in &mut self.0 {
            if let Some(searching) = view.searching_by(analyzer) {
                *view = searching;
            }
        }
        self
    }

    /// The same views, of which this one counts as changed: as a release that raised its version
    /// would run them. It is built anew beside what there is.
    #[must_use]
    pub fn revised(mut self, name: &str) -> Self {
        for view in self.0.iter_mut().filter(|view| view.name() == name) {
            *view = Arc::new(Revised(Arc::clone(view)));
        }
        self
    }
}

/// A view under the next version.
struct Revised(Arc<dyn AnyView>);

impl AnyView for Revised {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn version(&self) -> u32 {
        self.0.version() + 1
    }

    fn schema(&self) -> &'static str {
        self.0.schema()
    }

    fn wants(&self) -> &'static [&'static str] {
        self.0.wants()
    }

    fn kinds(&self) -> Kinds {
        self.0.kinds()
    }

    fn searching(&self) -> Option<Searching> {
        self.0.searching()
    }

    fn searching_by(&self, analyzer: &Analyzer) -> Option<Arc<dyn AnyView>> {
        let searching = self.0.searching_by(analyzer)?;
        Some(Arc::new(Self(searching)))
    }

    fn tables(&self) -> Vec<(&'static str, &'static [&'static str])> {
        self.0.tables()
    }

    fn start(&self, rows_kept: usize) -> Box<dyn AnyFold> {
        self.0.start(rows_kept)
    }
}
