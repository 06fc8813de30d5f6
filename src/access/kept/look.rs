//! One request's look at what is kept: by what its instance remembers, or at the store, which is asked once
//! for the token and the projects, as soon as one of them is needed.

use std::cell::OnceCell;
use std::rc::Rc;
use std::time::Instant;

use super::Kept;
use super::find::{Answers, Asked, Found};
use super::remembered::{Asking, LetIn, Recalled};
use crate::access::{Caller, Grant, Now, Token};
use crate::http::Failure;

/// What is known of it so far.
pub struct Look<'a> {
    kept: Kept<'a>,
    asked: Asked<'a>,
    /// Whether it counts that the same was let in before: not for who writes.
    memorable: bool,
    begun: Instant,
    /// Who asks, once that is known, where it counts.
    asking: OnceCell<Asking<'a>>,
    /// Set when that was looked for.
    recalled: OnceCell<Option<Recalled>>,
    answers: OnceCell<Answers<'a>>,
    /// What those say of the token, and of the projects.
    token: OnceCell<Option<Rc<Token>>>,
    found: OnceCell<Found>,
}

impl<'a> Look<'a> {
    /// Nothing yet, of a request that came at this time.
    pub fn new(kept: Kept<'a>, asked: Asked<'a>, memorable: bool, begun: Instant) -> Self {
        Look {
            kept,
            asked,
            memorable,
            begun,
            asking: OnceCell::new(),
            recalled: OnceCell::new(),
            answers: OnceCell::new(),
            token: OnceCell::new(),
            found: OnceCell::new(),
        }
    }

    /// What the token allows whose secret has this SHA-256, if it is kept and valid now.
    ///
    /// # Errors
    /// 500 for what is kept and can't be read; the store's failure.
    pub fn grant(&self, secret: &[u8; 32], now: Now) -> Result<Option<Rc<Grant>>, Failure> {
        let token = match self.recalled(Some(secret))? {
            Some(known) => known.token.clone(),
            None => {
                let token = self.answers(Some(secret), self.memorable)?.token()?;
                self.token.get_or_init(|| token).clone()
            }
        };
        let valid = token.filter(|token| token.is_valid(now));
        Ok(valid.map(|token| Rc::clone(&token.grant)))
    }

    /// The projects that the request is about. For a caller whose token is not kept the store is asked each
    /// time.
    ///
    /// # Errors
    /// As [`Look::grant`].
    pub fn projects(&self, caller: &Caller) -> Result<Found, Failure> {
        let known = match caller.is_anonymous() {
            true => self.recalled(None)?,
            // By the secret, if that was looked for.
            false => self.known(),
        };
        if let Some(known) = known {
            return Ok(known.found.clone());
        }
        let memorable = self.memorable && caller.is_anonymous();
        let answers = self.answers(None, memorable)?;
        let found = answers.projects(&|it| caller.sees(it))?;
        Ok(self.found.get_or_init(|| found).clone())
    }

    /// Whether a project of this full path is among what was looked up: who says no may be wrong.
    pub fn has_met(&self, path: &str) -> bool {
        let answers = self.answers.get();
        answers.is_some_and(|answers| answers.has_met(path))
    }

    /// Remembers that the request was let in, where that has a use.
    pub fn remember(&self) {
        let of_another = self.recalled.get().and_then(Option::as_ref);
        let of_another = of_another.and_then(Recalled::of_another);
        if let Some((asking, known)) = self.asking.get().zip(of_another) {
            return self.kept.remembered.keep_again(asking, Some(known));
        }
        let looked = (self.asking.get(), self.answers.get(), self.found.get());
        let (Some(asking), Some(answers), Some(found)) = looked else {
            return;
        };
        let let_in = answers.generation().map(|generation| LetIn {
            token: self.token.get().cloned().flatten(),
            found: found.clone(),
            generation: generation.clone(),
            at: self.begun,
        });
        let reaches = let_in.is_some().then(|| answers.reaches()).flatten();
        self.kept.remembered.keep(asking, let_in, reaches);
    }

    /// Whether the answer may go out: not where a change has come since what was remembered. Then all is to be
    /// looked at anew.
    ///
    /// # Errors
    /// The store's failure.
    pub fn stands(&self) -> Result<bool, Failure> {
        let recalled = self.recalled.get().and_then(Option::as_ref);
        recalled.map_or(Ok(true), |recalled| self.kept.stands(recalled))
    }

    /// Called before a refusal, lest the time it takes tells what nobody is told.
    pub fn even_out(&self) {
        // Who is remembered was let in before, and knows what is there.
        if let Some(answers) = self.answers.get() {
            answers.even_out();
        }
    }

    fn known(&self) -> Option<&Rc<LetIn>> {
        let recalled = self.recalled.get()?.as_ref();
        recalled.map(|recalled| &recalled.known)
    }

    fn recalled(&self, secret: Option<&[u8; 32]>) -> Result<Option<&Rc<LetIn>>, Failure> {
        if !self.memorable || self.answers.get().is_some() {
            return Ok(None);
        }
        let asking = || Asking::new(secret, &self.asked);
        let asking = self.asking.get_or_init(asking);
        if self.recalled.get().is_none() {
            let known = self.kept.recall(asking, self.begun)?;
            let _ = self.recalled.set(known);
        }
        Ok(self.known())
    }

    /// What the store says; with the token of this secret, if that is asked for before the rest.
    fn answers(&self, secret: Option<&[u8; 32]>, memorable: bool) -> Result<&Answers<'a>, Failure> {
        if let Some(answers) = self.answers.get() {
            return Ok(answers);
        }
        let met = |asking: &Asking| self.kept.remembered.has_met(asking);
        let remembers = memorable && self.asking.get().is_some_and(met);
        let answers = self.kept.ask(&self.asked, secret, remembers)?;
        Ok(self.answers.get_or_init(|| answers))
    }
}
