//! How often a password may be guessed, and by whom: nobody's guesses lock somebody else out.

use std::time::Instant;

use crate::CommandSettings;
use crate::rate::{Buckets, TooMany};

/// What is known of whoever gives a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Familiar {
    /// The account was logged in to on this device, or the password is given beside a token.
    Device(String),
    /// The account was logged in to from this place.
    Place,
    /// Nothing.
    No,
}

/// Attempts that are left.
///
/// One place has so many for one account. A place that the account was never used from has so many
/// for all accounts, and all such places together have so many for one account: a password is
/// guessed slowly however many addresses somebody has. Familiar places and devices do not pay for
/// that, so their owner gets in while others guess.
#[derive(Debug)]
pub(crate) struct Attempts {
    at_account_from_place: Buckets,
    from_place: Buckets,
    at_account: Buckets,
    by_device: Buckets,
    registered_from: Buckets,
}

/// An attempt that may be made.
pub(crate) struct Admitted<'a>(Vec<(&'a Buckets, String)>);

impl Attempts {
    pub(crate) fn new(settings: &CommandSettings) -> Self {
        Self {
            at_account_from_place: Buckets::new(settings.log_in_rate),
            from_place: Buckets::new(settings.log_in_rate_of_place),
            at_account: Buckets::new(settings.log_in_rate_of_account),
            by_device: Buckets::new(settings.log_in_rate),
            registered_from: Buckets::new(settings.registration_rate),
        }
    }

    /// Takes an attempt at an account from a place.
    ///
    /// # Errors
    /// [`TooMany`] where none is left; then none is taken.
    pub(crate) fn admit(
        &self,
        account: &str,
        place: &str,
        familiar: &Familiar,
    ) -> Result<Admitted<'_>, TooMany> {
        let both = (&self.at_account_from_place, format!("{place} {account}"));
        let buckets = match familiar {
            Familiar::Device(device) => vec![(&self.by_device, device.clone())],
            Familiar::Place => vec![both],
            Familiar::No => vec![
                both,
                (&self.from_place, place.to_owned()),
                (&self.at_account, account.to_owned()),
            ],
        };
        let now = Instant::now();
        let mut admitted = Admitted(Vec::with_capacity(buckets.len()));
        for (bucket, key) in buckets {
            if let Err(too_many) = bucket.take(&key, now) {
                admitted.give_back();
                return Err(too_many);
            }
            admitted.0.push((bucket, key));
        }
        Ok(admitted)
    }

    /// Takes one of the accounts that may be made from a place.
    ///
    /// # Errors
    /// [`TooMany`] where none is left for now.
    pub(crate) fn register(&self, place: &str) -> Result<(), TooMany> {
        self.registered_from.take(place, Instant::now())
    }
}

impl Admitted<'_> {
    /// It was no wrong guess: it counts for nothing.
    pub(crate) fn give_back(self) {
        for (bucket, key) in self.0 {
            bucket.give_back(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::Rate;

    fn attempts() -> Attempts {
        let rate = |burst| Rate {
            burst,
            per_minute: 0,
        };
        Attempts::new(&CommandSettings {
            log_in_rate: rate(3),
            log_in_rate_of_place: rate(6),
            log_in_rate_of_account: rate(8),
            ..CommandSettings::default()
        })
    }

    /// How many of so many attempts are let through.
    fn admitted(attempts: &Attempts, account: &str, place: &str, familiar: &Familiar) -> usize {
        let tries = (0..20).map(|_| attempts.admit(account, place, familiar));
        tries.flatten().count()
    }

    #[test]
    fn a_stranger_uses_up_their_own_attempts_and_nobody_elses() {
        let attempts = attempts();
        assert_eq!(admitted(&attempts, "aki", "stranger", &Familiar::No), 3);
        assert_eq!(admitted(&attempts, "aki", "another", &Familiar::No), 3);
        assert_eq!(admitted(&attempts, "haru", "stranger", &Familiar::No), 3);
    }

    #[test]
    fn made_up_names_are_as_many_as_one_place_may_try() {
        let attempts = attempts();
        let tries = (0..20).map(|n| attempts.admit(&n.to_string(), "stranger", &Familiar::No));
        assert_eq!(tries.flatten().count(), 6);
        assert_eq!(admitted(&attempts, "aki", "another", &Familiar::No), 3);
        assert_eq!(admitted(&attempts, "aki", "stranger", &Familiar::Place), 3);
    }

    #[test]
    fn many_places_guess_one_password_as_often_as_an_account_allows_and_lock_nobody_out() {
        let attempts = attempts();
        let places = (0..20).map(|n| attempts.admit("aki", &n.to_string(), &Familiar::No));
        assert_eq!(places.flatten().count(), 8);
        assert_eq!(admitted(&attempts, "aki", "home", &Familiar::Place), 3);
        let device = Familiar::Device("phone".to_owned());
        assert_eq!(admitted(&attempts, "aki", "elsewhere", &device), 3);
    }

    #[test]
    fn what_was_given_back_or_refused_counts_for_nothing() {
        let attempts = attempts();
        for _ in 0..50 {
            attempts
                .admit("aki", "home", &Familiar::No)
                .unwrap()
                .give_back();
        }
        for place in ["1", "2"] {
            assert_eq!(admitted(&attempts, "aki", place, &Familiar::No), 3);
        }
        // What one place was refused has cost the account nothing.
        assert_eq!(admitted(&attempts, "aki", "3", &Familiar::No), 2);
    }
}
