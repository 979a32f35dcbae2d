//! Erasing: what a member typed is taken away in every room, and the shape of the rooms stays.

use meguri_events::{KeyClass, MemberErased, MemberId};

use super::Rooms;
use crate::engine::folding::decode::erases;

impl Rooms {
    /// Asks for every row that may hold what this member typed.
    pub(super) fn ask_for(&mut self, member: MemberId) {
        // The title is that of the post, whose author was asked.
        self.exchanges.ask_where("asked", &member);
        self.exchanges.ask_where("ended_by", &member);
        self.terms.ask_where("proposer", &member);
        self.messages.ask_where("author", &member);
        self.evaluations.ask_where("author", &member);
        self.thanks.ask_where("sender", &member);
    }

    /// Takes away what an erasure covers, from the rows that were asked for.
    pub(super) fn erase(&mut self, erased: &MemberErased) {
        let member = erased.member;
        let (titles, agreed) = (
            erases(erased, KeyClass::Profile),
            erases(erased, KeyClass::Exchange),
        );
        self.exchanges.change_asked(|exchange| {
            let title = titles && exchange.asked == member && exchange.title.take().is_some();
            let ended = agreed && exchange.ended_by == Some(member);
            title | (ended && exchange.reason.take().is_some())
        });
        if agreed {
            self.terms.change_asked(|terms| {
                (terms.what, terms.timing, terms.in_return) = (None, None, None);
                true
            });
        }
        if erases(erased, KeyClass::Message) {
            self.messages
                .change_asked(|message| message.text.take().is_some());
            self.evaluations
                .change_asked(|evaluation| evaluation.words.take().is_some());
            self.thanks.change_asked(|thanks| {
                let had_words = thanks.words.take().is_some();
                thanks.erased |= had_words;
                had_words
            });
        }
    }
}
