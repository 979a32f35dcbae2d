//! Which views a process runs.

use std::sync::Arc;

use meguri_search::Analyzer;

use crate::folding::{
    facts::Facts,
    view::{AnyView, Searched, View, ViewOf},
};

/// Views to run, each once.
#[derive(Clone)]
pub struct ViewSet {
    pub(crate) facts: &'static dyn Facts,
    pub(crate) views: Vec<Arc<dyn AnyView>>,
}

impl std::fmt::Debug for ViewSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set()
            .entries(self.views.iter().map(|view| view.name()))
            .finish()
    }
}

impl ViewSet {
    /// A set without views, which are going to be made of these facts.
    pub const fn of(facts: &'static dyn Facts) -> Self {
        let views = Vec::new();
        Self { facts, views }
    }

    /// The same and one more view.
    #[must_use]
    pub fn and<V: View>(mut self) -> Self {
        self.views.push(Arc::new(ViewOf::<V>::new(self.facts)));
        self
    }

    /// The same and one more view, whose text is found by what this analyzer makes of it.
    #[must_use]
    pub fn and_searched<V: Searched>(mut self, analyzer: Analyzer) -> Self {
        let view = ViewOf::<V>::searched(self.facts, analyzer);
        self.views.push(Arc::new(view));
        self
    }

    /// The views.
    #[doc(hidden)]
    pub fn views(&self) -> &[Arc<dyn AnyView>] {
        &self.views
    }

    /// The names of the views.
    pub fn names(&self) -> Vec<&'static str> {
        self.views.iter().map(|view| view.name()).collect()
    }

    /// Only the views of these names: what reads others finds them not ready.
    #[must_use]
    pub fn only(mut self, names: &[&str]) -> Self {
        self.views.retain(|view| names.contains(&view.name()));
        self
    }

    /// The same views; text is found by what this analyzer makes of it.
    #[must_use]
    pub fn searching_by(mut self, analyzer: &Analyzer) -> Self {
        for view in &mut self.views {
            *view = view.searching_by(analyzer);
        }
        self
    }

    /// The same views, of which this one counts as changed: as a release that raised its version
    /// would run them. It is built anew beside what there is.
    #[must_use]
    pub fn revised(mut self, name: &str) -> Self {
        for view in self.views.iter_mut().filter(|view| view.name() == name) {
            *view = view.revised();
        }
        self
    }
}
