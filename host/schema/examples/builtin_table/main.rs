//! Prints the table of built-in types from an OpenAPI v2 document:
//! `cargo run -p outrigger-schema --example builtin_table -- swagger.json > host/schema/src/builtin/table.txt`

mod convert;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: builtin_table SWAGGER_JSON")?;
    let swagger = serde_json::from_slice(&std::fs::read(path)?)?;
    print!("{}", convert::table(&swagger)?);
    Ok(())
}
