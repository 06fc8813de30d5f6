//! The component on an embedded Wasmtime host.
