//! Functions and operators of Kubernetes' CEL libraries, called with values of our own.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::LazyLock,
};

use kube_cel::{
    KubeCelExt,
    cel::{
        self, Context, ExecutionError,
        common::ast::{CallExpr, Expr, IdedExpr},
    },
};

use super::{Fault, value::Value};

static LIBRARIES: LazyLock<Context<'static>> = LazyLock::new(|| Context::default().with_all());

/// Names of arguments while a library is called. Sixteen are enough for every function there is.
const NAMES: [&str; 16] =
    ["_0", "_1", "_2", "_3", "_4", "_5", "_6", "_7", "_8", "_9", "_10", "_11", "_12", "_13", "_14", "_15"];

/// A call of a library, ready for its arguments.
#[derive(Debug)]
pub struct Foreign(IdedExpr);

fn ident(name: &str) -> IdedExpr {
    IdedExpr { id: 0, expr: Expr::Ident(name.to_owned()) }
}

impl Foreign {
    /// A function, or a method of the first argument; fails when there is none of the name.
    pub fn function(name: &str, method: Option<()>, count: usize) -> Result<Self, String> {
        let names = NAMES.get(..count).ok_or_else(|| format!("{name} has too many arguments"))?;
        let mut args: Vec<IdedExpr> = names.iter().map(|name| ident(name)).collect();
        let target = (method.is_some() && !args.is_empty()).then(|| Box::new(args.remove(0)));
        Self::checked(CallExpr { func_name: name.to_owned(), target, args }, name)
    }

    /// A function of a name space, such as `math.greatest`.
    pub fn in_space(space: &str, name: &str, count: usize) -> Result<Self, String> {
        let names = NAMES.get(..count).ok_or_else(|| format!("{name} has too many arguments"))?;
        let args = names.iter().map(|name| ident(name)).collect();
        let call = CallExpr { func_name: name.to_owned(), target: Some(Box::new(ident(space))), args };
        Self::checked(call, &format!("{space}.{name}"))
    }

    /// An operator on two values.
    pub fn operator(expression: &IdedExpr) -> Result<Self, String> {
        let Expr::Call(call) = &expression.expr else { return Err("not an operator".to_owned()) };
        let args = vec![ident("_0"), ident("_1")];
        let call = CallExpr { func_name: call.func_name.clone(), target: None, args };
        Ok(Self(IdedExpr { id: 0, expr: Expr::Call(call) }))
    }

    /// A call is tried once, to see whether the function exists.
    fn checked(call: CallExpr, name: &str) -> Result<Self, String> {
        let made = Self(IdedExpr { id: 0, expr: Expr::Call(call) });
        let mut context = LIBRARIES.new_inner_scope();
        for name in NAMES {
            context.add_variable_from_value(name, cel::Value::Null);
        }
        let tried = catch_unwind(AssertUnwindSafe(|| cel::Value::resolve(&made.0, &context)));
        match tried {
            Ok(Err(ExecutionError::UndeclaredReference(_))) => Err(format!("there is no function {name}")),
            _ => Ok(made),
        }
    }

    /// Calls it.
    pub fn call<'v>(&self, args: &[Value<'v>]) -> Result<Value<'v>, Fault> {
        let mut context = LIBRARIES.new_inner_scope();
        for (name, value) in NAMES.iter().zip(args) {
            context.add_variable_from_value(*name, value.to_foreign().map_err(Fault::Wrong)?);
        }
        match catch_unwind(AssertUnwindSafe(|| cel::Value::resolve(&self.0, &context))) {
            Ok(Ok(value)) => Ok(Value::from_foreign(value)),
            Ok(Err(error)) => Err(Fault::Wrong(error.to_string())),
            Err(_) => Err(Fault::Wrong("the library broke".to_owned())),
        }
    }
}
