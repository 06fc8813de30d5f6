//! `wasi:config` as the guest sees it: the values that the embedder gave, and nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use wasmtime::Result;
use wasmtime::component::{HasData, Linker};

use crate::bindings::wasi::config::store;

/// Names and values, shared by all instances.
pub(crate) type Settings = Arc<BTreeMap<String, String>>;

struct HasSettings;

impl HasData for HasSettings {
    type Data<'a> = View<'a>;
}

pub(crate) struct View<'a>(pub &'a Settings);

pub(crate) fn link<T: Send + 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> View<'_>,
) -> Result<()> {
    store::add_to_linker::<_, HasSettings>(linker, view)
}

impl store::Host for View<'_> {
    fn get(&mut self, key: String) -> Result<std::result::Result<Option<String>, store::Error>> {
        Ok(Ok(self.0.get(&key).cloned()))
    }

    fn get_all(&mut self) -> Result<std::result::Result<Vec<(String, String)>, store::Error>> {
        Ok(Ok(self
            .0
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()))
    }
}
