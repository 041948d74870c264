//! The table against itself and against the official XML.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Layout, MARKET, ORDERS};

#[path = "../../../../tests/support/real_data.rs"]
mod real_data;

#[test]
fn fields_lie_end_to_end() {
    for layout in MARKET.iter().chain(ORDERS) {
        let mut end = 0;
        for (name, field) in layout.fields {
            assert_eq!(field.offset, end, "{}.{name}", layout.name);
            end += field.bytes;
        }
        assert_eq!(end, layout.block, "{}", layout.name);
    }
}

/// Value of an attribute of a line.
fn attribute<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let rest = line.split_once(&format!(" {name}="))?.1.trim_start();
    rest.strip_prefix('"')?.split('"').next()
}

/// Blocks of a schema: name, template, and fields with their ends. A field's `id` is where it ends, and a group's
/// fields count from the group's.
fn schema(xml: &str) -> BTreeMap<String, (u16, Vec<(String, usize)>)> {
    let mut blocks = BTreeMap::new();
    let (mut message, mut block, mut base) = (String::new(), String::new(), 0);
    for line in xml.lines().map(str::trim) {
        let id = || attribute(line, "id").and_then(|id| id.trim().parse::<usize>().ok()).expect("an id");
        let name = || attribute(line, "name").expect("a name").to_owned();
        if line.starts_with("<sbe:message ") {
            message = name();
            (block, base) = (message.clone(), 0);
            blocks.insert(block.clone(), (id() as u16, vec![]));
        } else if line.starts_with("<group ") {
            let group = name();
            let (first, rest) = group.split_at(1);
            (block, base) = (format!("{message}{}{rest}", first.to_uppercase()), id());
            blocks.insert(block.clone(), (0, vec![]));
        } else if line.starts_with("<field ") {
            blocks.get_mut(&block).expect("a field is in a block").1.push((name(), id() - base));
        }
    }
    blocks
}

fn compare(file: &str, table: &[Layout]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the checkout");
    let Some(path) = real_data::real_data(root, &format!("schemas/{file}")) else { return };
    let schema = schema(&std::fs::read_to_string(path).expect("the schema"));
    for layout in table {
        let (template, fields) = schema.get(layout.name).unwrap_or_else(|| panic!("{} is in the schema", layout.name));
        assert_eq!(*template, layout.template, "{}", layout.name);
        let ours: Vec<(String, usize)> =
            layout.fields.iter().map(|(name, field)| ((*name).to_owned(), field.offset + field.bytes)).collect();
        assert_eq!(*fields, ours, "{}", layout.name);
    }
    assert!(table.len() > 15, "{} blocks", table.len());
}

#[test]
fn market_data_is_where_the_official_schema_has_it() {
    compare("Deribit.Starbase.MarketDataApi.v1.2026-08-07.xml", MARKET);
}

#[test]
fn orders_are_where_the_official_schema_has_them() {
    compare("Deribit.Starbase.OrdersApi.v15.2026-08-28.xml", ORDERS);
}
