//! What scripts see: the libraries, gopher-lua's ways, and nothing of each other.

use outrigger_interpreter::{Health, Operation};
use outrigger_lua::Script;
use rstest::rstest;
use serde_json::{Value, json};

use super::contract::object;

/// What a Lua expression gives, through ReflectStatus.
fn value(before: &str, expression: &str) -> Value {
    let source = format!("function ReflectStatus(o)\n{before}\nreturn {{value = {expression}}} end");
    let script = Script::compile(&source, Operation::InterpretStatus, "test").unwrap();
    let input = object(json!({
        "kind": "Widget",
        "spec": {"a": 1, "b": {"c": [1, 2, 3]}, "list": [{"n": 1}, null, {"n": 2}], "gone": null, "text": "x"},
    }));
    match script.reflect_status(&input) {
        Ok(mut status) => status["value"].take(),
        Err(error) => json!(format!("failed: {}", error.to_string().rsplit(": ").next().unwrap())),
    }
}

#[rstest]
#[case("", "tostring(3)", json!("3"))]
#[case("", "tostring(3.0)", json!("3"))]
#[case("", "tostring(1e15)", json!("1000000000000000"))]
#[case("", "tostring(0.1 + 0.2)", json!("0.30000000000000004"))]
#[case("", "tostring(1234567.5)", json!("1.2345675e+06"))]
#[case("", "tostring(nil) .. tostring(true)", json!("niltrue"))]
#[case("", "3 .. 'x'", json!("3x"))]
#[case("", "'10' + 5", json!(15))]
#[case("", "7 / 2", json!(3.5))]
#[case("", "7 % 3", json!(1))]
#[case("", "2 ^ 10", json!(1024))]
#[case("", "tonumber('12')", json!(12))]
#[case("", "tonumber('0x1f')", json!(31))]
#[case("", "tonumber('1.5')", json!(1.5))]
#[case("", "tonumber('5Gi') == nil", json!(true))]
#[case("", "tonumber('ff', 16)", json!(255))]
#[case("", "tonumber({}) == nil", json!(true))]
#[case("", "math.huge < 1/0", json!(true))]
#[case("", "math.ceil(3.2) + math.floor(3.8)", json!(7))]
#[case("", "math.max(1, '5', 3)", json!(5))]
#[case("", "string.format('%f%s', 1126.4, 'm')", json!("1126.400000m"))]
#[case("", "string.format('%5d|%-4s|%v', 42, 'a', true)", json!("   42|a   |true"))]
#[case("", "('Hello'):upper():lower():sub(2, -2):len()", json!(3))]
#[case("", "('key=value'):match('(%w+)=(%w+)')", json!("key"))]
#[case("local t = {} for k, v in ('a=1,b=2'):gmatch('(%w)=(%w)') do t[#t + 1] = k .. v end", "t", json!(["a1", "b2"]))]
#[case("local t = {} for w in ('one two'):gmatch('%a+') do t[#t + 1] = w end", "t", json!(["one", "two"]))]
#[case("local s, n = ('a.b.c'):gsub('%.', '-')", "s .. n", json!("a-b-c2"))]
#[case("", "(('hello world'):gsub('(%w+)', '<%1>', 1))", json!("<hello> world"))]
#[case("", "(('abc'):gsub('%w', {a = '1', b = true and 'B'}))", json!("1Bc"))]
#[case("", "(('abc'):gsub('', '-'))", json!("-a-b-c-"))]
#[case("local a, b, c = ('hello'):find('l(l)')", "a .. b .. c", json!("34l"))]
#[case("", "('a.b'):find('.', 1, true)", json!(2))]
#[case("", "('abc'):find('b', -1) == nil", json!(true))]
#[case("", "('x'):rep(3)", json!("xxx"))]
#[case("", "string.byte('A') .. string.char(66)", json!("65B"))]
#[case("local t = {3, 1, 2} table.sort(t)", "t", json!([1, 2, 3]))]
#[case("local t = {'a', 'bb', 'c'} table.sort(t, function(a, b) return #a > #b end)", "t", json!(["bb", "a", "c"]))]
#[case("local t = {1, 2} table.insert(t, 3) table.insert(t, 1, 0) table.remove(t, 2) table.remove(t)", "t", json!([0, 2]))]
#[case("", "table.concat({1, 2, 'x'}, ',')", json!("1,2,x"))]
#[case("", "table.concat({}, ',')", json!(""))]
#[case("", "#o.spec.list", json!(2))]
#[case("", "o.spec.list[2].n", json!(2))]
#[case("", "o.spec.gone == nil", json!(true))]
#[case("local n = 0 for i, x in ipairs(o.spec.list) do n = n + i * x.n end", "n", json!(5))]
#[case("local n = 0 for k in pairs(o.spec) do n = n + 1 end", "n", json!(4))]
#[case("local n = 0 local k = next(o.spec) while k do n = n + 1 k = next(o.spec, k) end", "n", json!(4))]
#[case("o.spec.a = nil", "o.spec.a == nil", json!(true))]
#[case("o.spec.b = nil", "o.spec", json!({"a": 1, "list": [{"n": 1}, {"n": 2}], "text": "x"}))]
#[case("o.spec.b.d = 'new'", "o.spec.b", json!({"c": [1, 2, 3], "d": "new"}))]
#[case("local b = o.spec.b o.spec.b = 1", "b", json!({"c": [1, 2, 3]}))]
#[case("", "o.spec.b == o.spec.b", json!(true))]
#[case("", "type(o.spec.b) .. type(o.spec.b.c) .. type(nil)", json!("tabletablenil"))]
#[case("local ok, e = pcall(function() error('no') end)", "tostring(ok) .. e", json!("false<string>:2: no"))]
#[case("local ok, e = pcall(function() error({code = 7}) end)", "e.code", json!(7))]
#[case("local ok, e = xpcall(function() local x = nil; return x.y end, function(e) return 'seen' end)", "e", json!("seen"))]
#[case("", "select('#', pcall(function() return 1, 2 end))", json!(3))]
#[case("", "require('kube').resourceAdd('1Gi', nil, '512Mi')", json!("1536Mi"))]
#[case("", "require('kube').getResourceQuantity('1500m')", json!(1.5))]
#[case("", "pcall(require('kube').getResourceQuantity, 'x')", json!(false))]
#[case("local kube = require('kube') kube.x = 1", "require('kube') == kube", json!(true))]
#[case("", "require('string').upper('x')", json!("X"))]
#[case("", "require('socket')", json!("failed: module socket not found:"))]
#[case("package.preload.mine = function() return {x = 7} end", "require('mine').x", json!(7))]
#[case("", "os.date('!%Y', 0)", json!("1970"))]
#[case("", "os.time({year = 2024, month = 3, day = 5, hour = 0}) - os.time({year = 2024, month = 2, day = 34, hour = 0})", json!(0))]
#[case("", "os.time() > 1e9", json!(true))]
#[case("", "math.random() == math.random()", json!(false))]
fn scripts_see(#[case] before: &str, #[case] expression: &str, #[case] expected: Value) {
    assert_eq!(value(before, expression), expected, "{before} {expression}");
}

#[test]
fn what_is_not_there() {
    for name in ["io", "debug", "coroutine", "bit", "jit", "utf8", "mlua"] {
        assert_eq!(value("", &format!("{name} == nil")), json!(true), "{name}");
    }
    for name in ["os.execute", "os.exit", "os.getenv", "os.remove", "os.clock", "table.foreach", "string.pack"] {
        assert_eq!(value("", &format!("{name} == nil")), json!(true), "{name}");
    }
    for name in [
        "collectgarbage",
        "dofile",
        "getfenv",
        "getmetatable",
        "load",
        "loadfile",
        "loadstring",
        "rawequal",
        "rawget",
        "rawset",
        "setfenv",
        "setmetatable",
        "module",
        "newproxy",
        "string.dump",
        "package.loadlib",
    ] {
        assert_eq!(value("", &format!("pcall({name}, {{}}, {{}})")), json!(false), "{name}");
    }
}

#[test]
fn nothing_stays_after_a_call() {
    let leave = "
        hidden = 1
        string.mine, table.insert, kube_seen = 'mine', nil, true
        require('kube').mine = 1
        package.preload.mine = function() return 1 end
        _G.more = 2
        error = nil
        function InterpretHealth(o) o.left = 'behind' counter = (counter or 0) + 1 return counter == 1 end";
    let look = "
        function InterpretHealth(o)
          return hidden == nil and string.mine == nil and table.insert ~= nil and kube_seen == nil and more == nil
            and require('kube').mine == nil and package.preload.mine == nil and o.left == nil and error ~= nil
            and _G.counter == nil and ('x').mine == nil
        end";
    let compile = |source: &str| Script::compile(source, Operation::InterpretHealth, "test").unwrap();
    let (leave, look) = (compile(leave), compile(look));
    let input = object(json!({"kind": "Widget"}));
    for _ in 0..3 {
        assert_eq!(leave.health(&input).unwrap().health, Health::Healthy);
        assert_eq!(look.health(&input).unwrap().health, Health::Healthy);
    }
}

#[test]
fn a_function_of_another_script_does_not_answer() {
    let first =
        Script::compile("function InterpretHealth(o) return true end", Operation::InterpretHealth, "a").unwrap();
    let second = Script::compile("function Other(o) return true end", Operation::InterpretHealth, "b").unwrap();
    let input = object(json!({"kind": "Widget"}));
    for _ in 0..3 {
        first.health(&input).unwrap();
        let error = second.health(&input).unwrap_err().to_string();
        assert!(error.contains("not found function InterpretHealth"), "{error}");
    }
}
