//! A library that speaks the ABI without the SDK, as one in another language would, and gets something wrong.
//! Compiled on its own, once for each fault.
#![allow(unexpected_cfgs)]

#[repr(C)]
pub struct Descriptor {
    magic: [u8; 8],
    abi: u32,
    size: u32,
    hello: extern "C" fn() -> Made,
    call: extern "C" fn(Lent) -> Made,
    free: extern "C" fn(Made),
}

#[repr(C)]
pub struct Lent {
    data: *const u8,
    length: usize,
}

#[repr(C)]
pub struct Made {
    data: *const u8,
    length: usize,
    capacity: usize,
}

const MAGIC: [u8; 8] = if cfg!(fault = "magic") { *b"SOMETHIN" } else { *b"OUTRIGGR" };
const ABI: u32 = if cfg!(fault = "old") {
    0
} else if cfg!(fault = "new") {
    7
} else {
    1
};
const SIZE: u32 = if cfg!(fault = "short") { 24 } else { 40 };

const HELLO: &str = if cfg!(fault = "hello") {
    "good day"
} else if cfg!(fault = "abort") {
    r#"{"name": "bare", "supports": []}"#
} else if cfg!(fault = "nameless") {
    r#"{"name": "", "features": ["unwinds"], "supports": []}"#
} else {
    r#"{"name": "bare", "features": ["unwinds", "levitates"], "newer": 1, "supports":
        [{"gvk": {"group": "g", "version": "v", "kind": "K"}, "operations": ["InterpretHealth"]}]}"#
};
const ANSWER: &str = if cfg!(fault = "garbage") {
    "{\"value\": oh"
} else if cfg!(fault = "other") {
    r#"{"value": {"replicas": {"replicas": 1}}}"#
} else {
    r#"{"value": {"health": {"health": "Healthy", "reason": "Bare"}}}"#
};

fn given(text: &'static str) -> Made {
    Made { data: text.as_ptr(), length: text.len(), capacity: 0 }
}

fn nothing() -> Made {
    Made { data: std::ptr::null(), length: 0, capacity: 0 }
}

extern "C" fn hello() -> Made {
    if cfg!(fault = "silent") { nothing() } else { given(HELLO) }
}

extern "C" fn call(lent: Lent) -> Made {
    assert!(!lent.data.is_null() && lent.length > 2);
    match () {
        () if cfg!(fault = "nothing") => nothing(),
        () if cfg!(fault = "endless") => Made { data: ANSWER.as_ptr(), length: usize::MAX, capacity: 0 },
        () => given(ANSWER),
    }
}

extern "C" fn free(made: Made) {
    assert!(!made.data.is_null());
}

#[cfg_attr(not(fault = "symbol"), unsafe(no_mangle))]
pub static outrigger_interpreter: Descriptor = Descriptor { magic: MAGIC, abi: ABI, size: SIZE, hello, call, free };

#[cfg(fault = "symbol")]
#[unsafe(no_mangle)]
pub static outrigger_interpreters: u32 = 0;
