//! Scripts that go too far: each ends in a failure of kind Limit soon after its deadline, others keep answering
//! meanwhile, and the state is not used again.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use outrigger_interpreter::{ErrorKind, Health, Operation};
use outrigger_lua::{Limits, Script};
use rstest::rstest;
use serde_json::json;

use super::contract::object;

const DEADLINE: Duration = Duration::from_millis(100);

fn health(body: &str) -> Script {
    let source = format!("function InterpretHealth(o)\n{body}\nreturn true end");
    let limits = Limits { deadline: DEADLINE, memory: 32 << 20, ..Limits::default() };
    Script::with_limits(&source, Operation::InterpretHealth, "test", limits).unwrap()
}

#[rstest]
#[case::endless_loop("while true do end")]
#[case::empty_for("for i = 1, math.huge do end")]
#[case::goto_by_recursion("local function f() return f() end f()")]
#[case::deep_recursion("local function f(n) return 1 + f(n + 1) end f(1)")]
#[case::caught_loop("while true do pcall(function() while true do end end) end")]
#[case::caught_recursion("local function f() pcall(f) pcall(f) end f()")]
#[case::loop_in_handler("xpcall(function() error('x') end, function() while true do end end)")]
#[case::rep("local s = string.rep('x', 1e9)")]
#[case::rep_of_rep("local s = 'x' for i = 1, 100 do s = s:rep(10) end")]
#[case::caught_rep("pcall(string.rep, 'x', 1e9)")]
#[case::doubling("local s = 'x' while true do s = s .. s end")]
#[case::growing("local s = '' while true do s = s .. 'xxxxxxxxxxxxxxxx' end")]
#[case::caught_growing("pcall(function() local s = 'x' while true do s = s .. s end end)")]
#[case::many_large_texts("local s = ('x'):rep(900000) local t = {} while true do t[#t + 1] = s .. #t end")]
#[case::table_bomb("local t = {} while true do t[#t + 1] = {} end")]
#[case::closure_bomb("local t = {} while true do t[#t + 1] = function() return t end end")]
#[case::pattern_find("local s = ('a'):rep(200) s:find(('a*'):rep(50) .. 'b')")]
#[case::pattern_match("local s = ('a'):rep(200) s:match(('a-'):rep(50) .. 'b')")]
#[case::pattern_gsub("local s = ('a'):rep(200) s:gsub(('a*'):rep(50) .. 'b', '')")]
#[case::pattern_gmatch("local s = ('a'):rep(200) for x in s:gmatch(('a?'):rep(50) .. ('a'):rep(190) .. 'b') do end")]
#[case::pattern_quadratic("local s = ('a'):rep(1000000) s:find('.-b')")]
#[case::plain_find("local s, p = ('a'):rep(900000), ('a'):rep(400000) .. 'b' while true do s:find(p, 1, true) end")]
#[case::caught_pattern("local s = ('a'):rep(200) while true do pcall(s.find, s, ('a*'):rep(50) .. 'b') end")]
#[case::gsub_growth("local s = 'x' while true do s = s:gsub('x', 'xxxxxxxxxx') end")]
#[case::concat("local t = {} for i = 1, 2000 do t[i] = ('x'):rep(100000) end while true do table.concat(t) end")]
#[case::concat_growth("local s = ('x'):rep(900000) local t = {} for i = 1, 1000 do t[i] = s end table.concat(t)")]
#[case::sort_lies(
    "local t = {} for i = 1, 300000 do t[i] = i end while true do table.sort(t, function() return true end) end"
)]
#[case::sort("local t = {} for i = 1, 300000 do t[i] = -i end while true do table.sort(t) end")]
#[case::insert_in_front("local t = {} for i = 1, 1e9 do table.insert(t, 1, i) end")]
#[case::format("while true do string.format('%1000000d', 1) end")]
#[case::upper("local s = ('ä'):rep(400000) while true do s:upper() end")]
#[case::number_loop("local n = 0 while true do n = n + tonumber('1') end")]
#[case::endless_next("local t = {a = 1} while true do for k, v in pairs(t) do end end")]
#[case::require_recursion(
    "package.preload.x = function() return require('y') end
    package.preload.y = function() while true do end end require('x')"
)]
fn ends_by_the_deadline(#[case] body: &str) {
    let (bad, good) = (health(body), health("do return o.ok end"));
    let input = object(json!({"kind": "Widget", "ok": true}));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let others = scope.spawn(|| {
            let mut answers = 0_u32;
            while !done.load(Ordering::Relaxed) || answers == 0 {
                assert_eq!(good.health(&input).unwrap().health, Health::Healthy);
                answers += 1;
            }
        });
        let began = Instant::now();
        let result = bad.health(&input);
        let took = began.elapsed();
        done.store(true, Ordering::Relaxed);
        others.join().unwrap();
        let error = result.expect_err("it should have failed");
        assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
        // Generous, for debug builds on a busy machine.
        assert!(took < DEADLINE * 20, "{took:?}: {error}");
    });
    assert_eq!(good.health(&input).unwrap().health, Health::Healthy);
}

#[test]
fn too_large_an_answer() {
    let source = "function ReflectStatus(o) local t = {'x'} for i = 1, 60 do t = {t, t} end return t end";
    let limits = Limits { deadline: DEADLINE, memory: 8 << 20, ..Limits::default() };
    let script = Script::with_limits(source, Operation::InterpretStatus, "test", limits).unwrap();
    let error = script.reflect_status(&object(json!({}))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
}

#[test]
fn an_object_larger_than_the_memory() {
    let list: Vec<_> = (0..200_000).map(|n| json!({"n": n})).collect();
    let script = health("for _, x in ipairs(o.list) do if x.n < 0 then return false end end");
    let error = script.health(&object(json!({"list": list}))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
}

#[test]
fn errors_say_where() {
    let error = health("\nwhile true do end").health(&object(json!({"apiVersion": "v1", "kind": "Pod"}))).unwrap_err();
    assert_eq!(error.to_string(), "test: InterpretHealth of v1/Pod: line 3: it took longer than its deadline");
}
