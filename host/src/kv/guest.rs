//! `wasi:keyvalue` as the guest sees it, with the quirks that Spin documents, so that what works
//! here works there: one page of keys, no cursor, batches that leave out what is not there, and
//! only the stores that were granted.

use std::sync::Arc;

use wasmtime::Result;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};

use super::{Store, StoreError};
use crate::bindings::wasi::keyvalue::{batch, store};

/// What `open` returns to the guest.
pub struct Bucket {
    label: Arc<str>,
}

/// The store and the labels that one instance may open.
#[derive(Clone)]
pub(crate) struct KvState {
    pub store: Store,
    pub labels: Arc<[Arc<str>]>,
}

/// A view of an instance's state, for the time of one call.
pub(crate) struct KvView<'a> {
    pub state: &'a KvState,
    pub table: &'a mut ResourceTable,
}

struct HasKv;

impl HasData for HasKv {
    type Data<'a> = KvView<'a>;
}

/// Gives the guest `wasi:keyvalue/store` and `batch`. No `atomics`: Fermyon's hosts have none.
pub(crate) fn link<T: Send + 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> KvView<'_>,
) -> Result<()> {
    store::add_to_linker::<_, HasKv>(linker, view)?;
    batch::add_to_linker::<_, HasKv>(linker, view)
}

impl From<StoreError> for store::Error {
    fn from(error: StoreError) -> Self {
        store::Error::Other(error.to_string())
    }
}

type Answer<T> = Result<std::result::Result<T, store::Error>>;

impl store::Host for KvView<'_> {
    fn open(&mut self, identifier: String) -> Answer<Resource<Bucket>> {
        let Some(label) = self
            .state
            .labels
            .iter()
            .find(|label| ***label == *identifier)
        else {
            return Ok(Err(store::Error::AccessDenied));
        };
        let label = label.clone();
        Ok(Ok(self.table.push(Bucket { label })?))
    }
}

impl store::HostBucket for KvView<'_> {
    fn get(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<Option<Vec<u8>>> {
        let bucket = self.table.get(&bucket)?;
        Ok(self
            .state
            .store
            .get(&bucket.label, &key)
            .map_err(Into::into))
    }

    async fn set(&mut self, bucket: Resource<Bucket>, key: String, value: Vec<u8>) -> Answer<()> {
        let bucket = self.table.get(&bucket)?;
        let pairs = vec![(key, value)];
        Ok(self
            .state
            .store
            .set(&bucket.label, pairs)
            .await
            .map_err(Into::into))
    }

    async fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<()> {
        let bucket = self.table.get(&bucket)?;
        Ok(self
            .state
            .store
            .delete(&bucket.label, vec![key])
            .await
            .map_err(Into::into))
    }

    fn exists(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<bool> {
        let bucket = self.table.get(&bucket)?;
        Ok(self
            .state
            .store
            .exists(&bucket.label, &key)
            .map_err(Into::into))
    }

    fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
        cursor: Option<String>,
    ) -> Answer<store::KeyResponse> {
        let bucket = self.table.get(&bucket)?;
        if cursor.is_some() {
            return Ok(Err(store::Error::Other(
                "list_keys: cursor not supported".into(),
            )));
        }
        let keys = self.state.store.keys(&bucket.label);
        Ok(keys
            .map(|keys| store::KeyResponse { keys, cursor: None })
            .map_err(Into::into))
    }

    fn drop(&mut self, bucket: Resource<Bucket>) -> Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl batch::Host for KvView<'_> {
    fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Answer<Vec<(String, Option<Vec<u8>>)>> {
        let bucket = self.table.get(&bucket)?;
        let found = self.state.store.get_many(&bucket.label, keys);
        Ok(found.map_err(Into::into))
    }

    async fn set_many(
        &mut self,
        bucket: Resource<Bucket>,
        pairs: Vec<(String, Vec<u8>)>,
    ) -> Answer<()> {
        let bucket = self.table.get(&bucket)?;
        Ok(self
            .state
            .store
            .set(&bucket.label, pairs)
            .await
            .map_err(Into::into))
    }

    async fn delete_many(&mut self, bucket: Resource<Bucket>, keys: Vec<String>) -> Answer<()> {
        let bucket = self.table.get(&bucket)?;
        Ok(self
            .state
            .store
            .delete(&bucket.label, keys)
            .await
            .map_err(Into::into))
    }
}
