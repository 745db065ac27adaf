//! What the dialect knows about the tables: which columns have fields, by path, and which parameters predicates may
//! name. Plain data, which the room `resource` makes.

use std::collections::HashSet;

/// The nested columns of all tables, and the service's parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    /// The columns, each with its fields. Two of one name are one with the fields of both.
    pub(crate) columns: Vec<ShapeField>,
    /// The columns of each table, by the last part of its name.
    pub(crate) tables: Vec<(String, Vec<ShapeField>)>,
    /// Names that predicates may compare though no column is called so.
    pub(crate) parameters: Vec<ShapeParameter>,
}

/// A column, or a field of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShapeField {
    /// Its name.
    pub(crate) name: String,
    /// Its fields; none if it is a scalar.
    pub(crate) fields: Vec<ShapeField>,
}

/// A parameter of the service that StackQL's users compare with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShapeParameter {
    /// Its name, a dotted path if it looks like one: `spec.owner`.
    pub(crate) name: String,
    /// The path that is compared in its place: `spec.owner.id`. None if the comparison has no effect.
    pub(crate) path: Option<Vec<String>>,
}

impl Shape {
    /// Returns the field at `path`, if it exists.
    pub(crate) fn find<S: AsRef<str>>(&self, path: &[S]) -> Option<&ShapeField> {
        let (first, rest) = path.split_first()?;
        let column = child(&self.columns, first.as_ref())?;
        rest.iter()
            .try_fold(column, |field, step| child(&field.fields, step.as_ref()))
    }

    /// Returns the field at `path` of the only one of `tables` that has it; None if several have other fields there.
    pub(crate) fn find_in(&self, tables: &HashSet<String>, path: &[String]) -> Option<&ShapeField> {
        let (first, rest) = path.split_first()?;
        let read = self.tables.iter().filter(|(name, _)| tables.contains(name));
        let mut found = read.filter_map(|(_, columns)| {
            let column = child(columns, first)?;
            rest.iter()
                .try_fold(column, |field, step| child(&field.fields, step))
        });
        // A table may be known by another name, such as that of a CTE.
        let Some(one) = found.next() else {
            return self.find(path);
        };
        found.all(|other| other == one).then_some(one)
    }

    /// Returns true if `name` is a column with fields.
    pub(crate) fn is_nested_column(&self, name: &str) -> bool {
        child(&self.columns, name).is_some_and(ShapeField::is_nested)
    }
}

impl ShapeField {
    /// Returns true for an object.
    pub(crate) fn is_nested(&self) -> bool {
        !self.fields.is_empty()
    }
}

fn child<'f>(fields: &'f [ShapeField], name: &str) -> Option<&'f ShapeField> {
    fields.iter().find(|field| field.name == name)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn field(name: &str, fields: Vec<ShapeField>) -> ShapeField {
        ShapeField {
            name: name.to_owned(),
            fields,
        }
    }

    fn object(name: &str, fields: &[&str]) -> ShapeField {
        let fields = fields.iter().map(|name| field(name, Vec::new()));
        field(name, fields.collect())
    }

    /// The shape that the tests of this room share.
    pub(crate) fn shape() -> Shape {
        let reference = [
            "id",
            "environment",
            "related",
            "resource_name",
            "api_version",
            "kind",
        ];
        let spec = vec![
            field("secret", Vec::new()),
            field("display_name", Vec::new()),
            object("owner", &reference),
            object("resource", &reference),
            object("resources", &reference),
        ];
        let parameter = |name: &str, path: Option<&str>| ShapeParameter {
            name: name.to_owned(),
            path: path.map(|path| path.split('.').map(str::to_owned).collect()),
        };
        Shape {
            tables: Vec::new(),
            columns: vec![
                field("id", Vec::new()),
                field("kind", Vec::new()),
                object("metadata", &["self", "created_at"]),
                field("spec", spec),
            ],
            parameters: vec![
                parameter("page_size", None),
                parameter("spec.owner", Some("spec.owner.id")),
                parameter("spec.resource", Some("spec.resource.id")),
            ],
        }
    }

    #[test]
    fn fields_are_found_by_path() {
        let shape = shape();
        assert!(shape.find(&["spec", "owner"]).unwrap().is_nested());
        assert!(
            !shape
                .find(&["spec", "resources", "id"])
                .unwrap()
                .is_nested()
        );
        assert_eq!(shape.find(&["spec", "bogus"]), None);
        assert_eq!(shape.find::<&str>(&[]), None);
        assert!(shape.is_nested_column("spec") && !shape.is_nested_column("id"));
    }
}
