//! The draft interfaces of Spin's flavour, generated from the WIT that the component imports too.

wasmtime::component::bindgen!({
    path: "../wit/spin",
    world: "goproxy-edge:component/spin",
    imports: {
        default: trappable,
        // A write waits until it is on the disk, together with others.
        "wasi:keyvalue/store.[method]bucket.set": async | trappable,
        "wasi:keyvalue/store.[method]bucket.delete": async | trappable,
        "wasi:keyvalue/batch.set-many": async | trappable,
        "wasi:keyvalue/batch.delete-many": async | trappable,
    },
    with: { "wasi:keyvalue/store.bucket": crate::kv::Bucket },
});
