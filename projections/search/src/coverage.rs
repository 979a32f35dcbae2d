//! A query for documents that hold most of what was asked for, by weight.

use tantivy::query::{EmptyScorer, EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::{DocId, DocSet, Score, SegmentReader, TERMINATED, Term};

/// Documents that fit parts which together weigh at least `needed`.
#[derive(Debug)]
pub(crate) struct Coverage {
    /// Queries, and what each weighs.
    pub(crate) parts: Vec<(Box<dyn Query>, f32)>,
    /// What has to be reached.
    pub(crate) needed: f32,
}

impl Clone for Coverage {
    fn clone(&self) -> Self {
        let parts = self.parts.iter();
        Self {
            parts: parts
                .map(|(part, weight)| (part.box_clone(), *weight))
                .collect(),
            needed: self.needed,
        }
    }
}

impl Query for Coverage {
    fn weight(&self, scoring: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        let weights = self
            .parts
            .iter()
            .map(|(part, weight)| Ok((part.weight(scoring)?, *weight)));
        Ok(Box::new(CoverageWeight {
            parts: weights.collect::<tantivy::Result<_>>()?,
            needed: self.needed,
        }))
    }

    fn query_terms<'a>(&'a self, visitor: &mut dyn FnMut(&'a Term, bool)) {
        for (part, _) in &self.parts {
            part.query_terms(visitor);
        }
    }
}

struct CoverageWeight {
    parts: Vec<(Box<dyn Weight>, f32)>,
    needed: f32,
}

impl Weight for CoverageWeight {
    fn scorer(&self, reader: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let mut parts = Vec::with_capacity(self.parts.len());
        for (part, weight) in &self.parts {
            let scorer = part.scorer(reader, boost)?;
            if scorer.doc() != TERMINATED {
                parts.push((scorer, *weight));
            }
        }
        if parts.is_empty() {
            return Ok(Box::new(EmptyScorer));
        }
        let mut scorer = CoverageScorer {
            parts,
            needed: self.needed,
            doc: 0,
        };
        scorer.settle(0);
        Ok(Box::new(scorer))
    }

    fn explain(&self, reader: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
        let mut scorer = self.scorer(reader, 1.0)?;
        let found = scorer.doc() <= doc && scorer.seek(doc) == doc;
        let score = if found { scorer.score() } else { 0.0 };
        Ok(Explanation::new("covers most of what was asked for", score))
    }
}

struct CoverageScorer {
    /// Each stands at `doc` or after it.
    parts: Vec<(Box<dyn Scorer>, f32)>,
    needed: f32,
    doc: DocId,
}

impl CoverageScorer {
    /// Goes to the first document from `from` on that is covered.
    fn settle(&mut self, from: DocId) -> DocId {
        let mut from = from;
        loop {
            let mut first = TERMINATED;
            for (part, _) in &mut self.parts {
                if part.doc() < from {
                    part.seek(from);
                }
                first = first.min(part.doc());
            }
            self.doc = first;
            let here = self.parts.iter().filter(|(part, _)| part.doc() == first);
            let weight: f32 = here.map(|(_, weight)| weight).sum();
            if first == TERMINATED || weight >= self.needed {
                return first;
            }
            from = first + 1;
        }
    }
}

impl DocSet for CoverageScorer {
    fn advance(&mut self) -> DocId {
        if self.doc == TERMINATED {
            return TERMINATED;
        }
        self.settle(self.doc + 1)
    }

    fn seek(&mut self, target: DocId) -> DocId {
        if target <= self.doc {
            return self.doc;
        }
        self.settle(target)
    }

    fn doc(&self) -> DocId {
        self.doc
    }

    fn size_hint(&self) -> u32 {
        let hints = self.parts.iter().map(|(part, _)| part.size_hint());
        hints.max().unwrap_or_default()
    }
}

impl Scorer for CoverageScorer {
    fn score(&mut self) -> Score {
        let doc = self.doc;
        let here = self.parts.iter_mut().filter(|(part, _)| part.doc() == doc);
        here.map(|(part, _)| part.score()).sum()
    }
}
