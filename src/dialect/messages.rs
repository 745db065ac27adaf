//! The engine's messages in plain words: without the names of its parts, with columns and types as people write them.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use crate::pattern::{compile, patterns};

/// What is replaced in messages, in this order.
const WORDS: [(&str, &str); 23] = [
    // Where in the engine it happened.
    (
        r"(?s)\.?\s*This issue was likely caused by a bug in DataFusion.*",
        "",
    ),
    (r"(?s)^.*\bcaused by\s+", ""),
    (
        r"\b(Error during planning|Execution error|Internal error|External error|Schema error|SQL error|Arrow error|Parser error|Cast error|Csv error|Invalid argument error|Compute error|This feature is not implemented|Object Store error|IO error|Generic \w+ error): ",
        "",
    ),
    (r" ?You might need to add explicit type casts\.?", ""),
    (r"(?s)\s+Candidate functions:.*", ""),
    (r"\bInvalid function `", "no function `"),
    // Columns of an outer query.
    (r"\bouter_ref\(([^()]*)\)", "$1"),
    // Values.
    (r#"\b(?:Large)?Utf8(?:View)?\("([^"]*)"\)"#, "'$1'"),
    (r"\bU?Int\d+\((-?\d+)\)", "$1"),
    (r"\bFloat\d+\(([^)]*)\)", "$1"),
    (r"\bBoolean\((\w+)\)", "$1"),
    // Types.
    (
        r"\bDictionary\(U?Int\d+, ((?:Large)?Utf8(?:View)?)\)",
        "text",
    ),
    (r"\b(?:Large)?Utf8(?:View)?\b", "text"),
    (r"\bU?Int(?:8|16|32|64)\b", "integer"),
    (r"\bTimestamp\([^)]*\)", "timestamp"),
    (r"\bFloat(?:16|32|64)\b", "number"),
    (r"\bDate(?:32|64)\b", "date"),
    (r"\b(?:Interval|Duration)\([^)]*\)", "interval"),
    (r"\bTime(?:32|64)\([^)]*\)", "time"),
    (r"\bDecimal\d+\([^)]*\)", "decimal"),
    (r"\bBoolean\b", "boolean"),
    (
        r"(\b(?:and|or|of|to|with|from|found|operation|expression)|[-+*/%&|#=<>]) (?:Large)?Binary\b",
        "$1 bytes",
    ),
    (
        r"(\b(?:and|or|of|to|with|from|found|operation|expression)|[-+*/%&|#=<>]) Null\b",
        "$1 NULL",
    ),
];

/// Lists messages: a pattern of plain ones, what to say instead, and the next step where there is one.
macro_rules! retold {
    ($($pattern:literal => $words:literal $(, $hint:expr)?;)*) => {
        const RETOLD: &[(&str, &str, Option<&str>)] = &[$(($pattern, $words, retold!(@hint $($hint)?))),*];
    };
    (@hint) => { None };
    (@hint $hint:expr) => { Some($hint) };
}

retold! {
    r"(?i)multiple objects not supported" => "DROP takes one name", "write a DROP for each of them";
    r"^(table|view) `([^`]+)` doesn't exist" => "no $1 `$2`";
    r"(?is).*\bCompiledTooBig\b.*|.*\bcompiled regex exceeds size limit\b.*" =>
        "the regular expression is too large",
        "repeat less of it: counts in braces multiply, as in (a{100}){100}";
    r"(?is)^unsupported SQL statement: ATTACH\b.*" => "ATTACH is not supported", ATTACH;
    r"(?is)^unsupported SQL statement: PRAGMA\b.*" => "PRAGMA is not supported", PRAGMA;
    r"^compound identifier: .*" =>
        "a name has too many parts",
        "a column is named as in catalog.schema.table.column, and a field of it as in column.field";
    r"^no field `(\w+)` in `(?:struct|named_struct)\(.*" =>
        "a row has no field `$1`",
        "name its values in a subquery: SELECT s.a FROM (SELECT 1 AS a) AS s";
    r"^cannot automatically convert (\w+) to (?i:null)$" =>
        "a column that is NULL in the first part of a query has no type",
        "CAST(NULL AS TEXT) has one";
    r"^cannot automatically convert object to (\w+)$" =>
        "an object is given where $1 is expected", "name one of its fields, as in column.field";
    r"^expr type (.+) can't cast to (.+) in InSubquery" =>
        "IN looks for $1 among values that are $2", "convert one of them with CAST";
    r"^cannot (?:infer common argument type for operation|get result type for (?:temporal|arithmetic) operation|coerce arithmetic expression) (timestamp|date) ([-+]) (integer|number|decimal).*" =>
        "there is no `$2` of $1 and $3", "a $1 moves by an interval, as in x $2 INTERVAL '30 days'";
    r"^cannot (?:infer common argument type for operation|get result type for (?:temporal|arithmetic) operation|coerce arithmetic expression) (.+?) ([^\w\s]+) (.+?)(?:: .*| to valid types.*)?$" =>
        "there is no `$2` of $1 and $3", "convert one of them with CAST";
    r"(?s)^incompatible inputs for Union: .*" =>
        "the members of UNION have different types in one column", "convert one of them with CAST";
    r#"^config value "(\w+)" not found on \w+"# =>
        "there is no option `$1`",
        "options of CSV are delimiter, quote, escape, null_value and compression";
    r"^error parsing (.*) as u8\b.*" =>
        "`$1` is not one character", "write one character, such as ';'";
    r"^unable to find factory for (\w+)" =>
        "there is no format `$1`",
        "formats are CSV, TSV, JSON, NDJSON and PARQUET, as in STORED AS CSV";
    r"^format not explicitly set and unable to get file extension.*" =>
        "the name of the file does not say which format it has",
        "formats are CSV, TSV, JSON, NDJSON and PARQUET, as in STORED AS CSV";
    r"^invalid HexStringLiteral.*" =>
        "the digits of a bytes literal come in pairs from 0 to 9 and a to f", "X'61' is one byte";
    r"^function factory has not been configured" =>
        "CREATE FUNCTION is not supported", "CREATE VIEW keeps a query";
    r"^failed to resolve schema: (\w+)" =>
        "there is no schema `$1`", "SHOW SCHEMAS lists them; CREATE SCHEMA makes one";
    r"^deregistering new schemas is not supported" =>
        "DROP SCHEMA is not supported",
        "DROP TABLE removes a table; schemas last as long as the session";
    r"^MERGE INTO not supported.*" => "MERGE is not supported", "write UPDATE and INSERT";
    r"^typed literal requires a string payload.*" =>
        "a type before a literal takes a text", "write DATE '2026-01-31'";
    r"(?s)^(?:unable to represent .* in a signed|cannot cast to interval\. Overflowing on).*" =>
        "the interval is out of range";
    r"^single expression required" =>
        "IN takes values, or a subquery", "write x IN ('a', 'b'), or x IN (SELECT …)";
    r"^unsupported AnyOp.*|^no function `all`" =>
        "ANY and ALL follow a comparison, and ANY also LIKE",
        "write x = ANY (ARRAY['a', 'b']), or x LIKE ANY (ARRAY['a%', 'b%'])";
    r"^`(?:struct|named_struct)` does not support zero arguments" =>
        "a row has at least one value", "write ROW(1, 'a')";
    r"^the function `now` expected zero argument.*" =>
        "current_timestamp takes no argument here",
        "date_trunc('second', now()) leaves the fraction out";
    r"^`array_element` does not take these arguments: list, (.+)" =>
        "a subscript is a whole number, but this is $1", "convert it with CAST";
    r"(?i)^aggregate can not be used as a sliding accumulator\b.*: (\w+)\(.*" =>
        "`$1` cannot be computed over a frame that moves",
        "a frame that begins with UNBOUNDED PRECEDING does not move";
    r"^cannot infer common argument type for comparison operation (.+) (IS (?:NOT )?DISTINCT FROM) (.+)" =>
        "cannot compare $1 with $3 by `$2`", "convert one of them with CAST";
    r"^(LIMIT|OFFSET) must be >=\s?0, .?(-?\d+).? was provided" =>
        "$1 must not be negative, and here it is $2", "leave it out for all rows";
    r"^(?:\[return_type\] )?(\w+?)(?:Accumulator for .*\b| not supported for )(?i:null)\b.*" =>
        "`$1` of a NULL without a type", "CAST(NULL AS INT) has one";
    r"^HAVING clause references: (.+) must appear in the GROUP BY clause.*" =>
        "HAVING looks at groups, and `$1` is neither in GROUP BY nor in an aggregate function",
        "WHERE looks at single rows";
    r#"^variable \["(@[^"]*)"\] has no type information"# =>
        "there is no variable `$1`: statements have parameters, such as $$name",
        "--param name=value sets one, \\set in the shell";
    r"^empty tuple not supported yet" =>
        "GROUP BY () is not supported",
        "leave GROUP BY out: an aggregate without it makes one group of all rows";
    r"^in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list" =>
        "with DISTINCT, an aggregate can only be sorted by its own argument, as text",
        "take DISTINCT in a subquery: SELECT group_concat(x ORDER BY x) FROM (SELECT DISTINCT x …)";
    r"^string_agg delimiter must be a string literal.*" =>
        "the separator of `string_agg` is a text that is the same for all rows",
        "put the parts together with ||, and leave the separator empty";
    r"(?s)^function `(\w+)` requires String, but received \w+ \(DataType: ([^)]*)\).*" =>
        "`$1` takes text, but this is $2", "CAST(… AS TEXT) makes text of it";
    r"(?s)^function `(\w+)` requires (\w+), but received \w+ \(DataType: ([^)]*)\).*" =>
        "`$1` takes $2 here, and this is $3", "convert it with CAST";
    r"(?is)^too many columns! the subquery should only return one column: (.+)" =>
        "a subquery used as a value must select one column, not several: $1",
        "select one of them; rows are compared as in (a, b) IN (SELECT c, d …)";
    r"^source table contains (\d+) columns? but only (\d+) names given as column alias" =>
        "a query selects $1 columns where $2 are expected",
        "select as many as there are names, or values in the row that is compared";
    r"^negative scale (-\d+) in (.+)" =>
        "the scale of a decimal is not negative, and here it is $1",
        "round(x, $1) rounds before the point";
    r"^arguments must be literals" =>
        "a series takes values that are known beforehand, and no parameters of PREPARE",
        "write them into the statement, or give them with --param";
    r"(?i)^cannot cast timezone to different timezone" =>
        "this time of day is skipped or repeated in this time zone, because its clocks change",
        "write the time with its offset, as in TIMESTAMPTZ '2024-03-10 02:30-05:00'";
    // Only the digits of decimals are as many: an integer has 19.
    r"^arithmetic overflow: Overflow happened on: .*\d{20}.*" =>
        "decimal overflow: the result has more than 38 digits",
        "CAST(… AS DOUBLE) has a larger range, and a smaller scale leaves room for more digits before the decimal point";
    r"^arithmetic overflow: Overflow happened on: (.+)" =>
        "integer overflow: $1",
        "CAST(… AS BIGINT) has 64 bits, AS DOUBLE has a larger range, and DECIMAL has up to 38 digits";
    r"^integer overflow in `sum`$" =>
        "integer overflow: the sum is beyond 64 bits",
        "sum(CAST(… AS DECIMAL(38, 0))) has a larger range";
    r"^the dates that can be represented as nanoseconds have to be between .*|.* out of range of nanosecond timestamps$" =>
        "a time is beyond the years 1677 to 2262, in which times of nanoseconds lie",
        "CAST(… AS TIMESTAMP) of a date or of a text has microseconds, which reach any year";
    r"(?s)^(?:cannot cast|can't cast) (?:date|timestamp|value).* (?:converted value exceeds|out of range|overflow).*" =>
        "a time is beyond the years 1677 to 2262, in which times of nanoseconds lie",
        "CAST(… AS TIMESTAMP) of a date or of a text has microseconds, which reach any year";
    r"(?s)^date arithmetic overflow.*" =>
        "the date is out of range", "dates lie between the years -262143 and 262142";
    r"(?s)^(?:timestamp|arithmetic) (?:arithmetic )?overflow.*" => "the value is out of range";
    r"(?s)^no suitable object store found for (\S+?)/?\. See.*" =>
        "`$1` cannot be reached: only local files are read and written",
        "write a path, such as './keys.csv'";
    r"(?s)^can't cast value (\S+) to type (\w+)" => "`$1` is out of the range of the type $2";
    r"^divide by zero error" =>
        "division by zero", "nullif(x, 0) as the divisor gives NULL where x is 0";
    r"(?s)^physical plan does not support logical expression WindowFunction\(.*" =>
        "a window function is not allowed here",
        "compute it in a subquery, or look at it with QUALIFY";
    r"(?s)^physical plan does not support logical expression AggregateFunction\(.*" =>
        "an aggregate function is not allowed here", "compute it in a subquery";
    r"(?s)^unsupported ast node in sqltorel: Collate.*" =>
        "collations are not supported", "compare lower(x), or write ILIKE";
    r#"^projections require unique expression names but the expression "(?:\w+\.)?([^"]+)" at.*"# =>
        "`$1` appears twice in the select list", "give one of them another name with AS";
    r"^column in (SELECT|HAVING|QUALIFY|ORDER BY) must be in GROUP BY or an aggregate function.*" =>
        "a column in $1 is neither in GROUP BY nor in an aggregate function",
        "add it to GROUP BY, or take one of its values with min or max";
    r"^cannot infer common argument type for comparison operation (.*object.*) (\S+) (.+)|^cannot infer common argument type for comparison operation (.+) (\S+) (object.*)" =>
        "cannot compare $1$4 with $3$6 by `$2$5`",
        "compare one of its fields, as in column.field";
    r"^cannot infer common argument type for comparison operation (.+) (\S+) (.+)" =>
        "cannot compare $1 with $3 by `$2`", "convert one of them with CAST";
    r"^cannot create filter with non-boolean predicate `(?:\w+\.)?([^`]+)` returning (.+)" =>
        "expected a condition, but `$1` is $2", "compare it with something, as in x = 5";
    r"(?s)^(?:cannot create filter with non-boolean predicate '.*' returning|.+ must be boolean type, but got) (.+)" =>
        "expected a condition, but this is $1", "compare it with something, as in x > 5";
    r"(?s)^there isn't a common type to coerce (\S+) and (\S+) in (\w+) expression" =>
        "$3 looks at text, and here are $1 and $2", "CAST(… AS TEXT) makes text of a number";
    r"^cannot infer common argument type for logical boolean operation (.+) (AND|OR) (.+)" =>
        "$2 takes conditions, and here are $1 and $3", "compare them with something, as in x > 5";
    r"^unary operator `?NOT`? requires a boolean expression, got (.+)" =>
        "NOT takes a condition, but this is $1", "compare it with something, as in NOT x > 5";
    r"^expected an integer value$" =>
        "an integer was expected", "lag(x, 2) and lead(x, 2) take the number of rows as a number";
    r"(?s)^unary operator `?(\S)`? only supports.*" =>
        "`$1` takes a number or an interval", "convert it with CAST";
    r"^(timestamp|date|time) out of range$" =>
        "the $1 is out of range", "years lie between -262143 and 262142";
    r"(?s)^function `make_array` .*argument types 'make_array\(([^']*)\)'.*" =>
        "the elements of a list have one type, and these are $1", "convert them with CAST";
    r"^array_element does not support type (\w+)\..*" =>
        "a subscript takes an element of a list, and this is $1",
        "a field is taken by its name, as in column['field']";
    r"(?s)^failed to coerce arguments to satisfy a call to `array_position` function: coercion from .+, Null, (.+?) to the signature.*" =>
        "ANY and ALL take a list or a subquery, and this is $1",
        "write x = ANY (ARRAY['a', 'b']), or x = ANY (SELECT …)";
    r"(?i)^failed to parse placeholder id\b.*" =>
        "the parameters of a prepared statement are numbered: $$1, $$2 and so on",
        "EXECUTE gives their values, as in EXECUTE p('a', 7)";
    r"(?s)^function `(\w+)` (?:failed to match any signature|user-defined coercion failed).*argument types '([^']*)'.*" =>
        "`$1` does not take these arguments: `$2`", "convert them with CAST";
    r"(?s)^function `(\w+)` failed to match any signature.*\(DataType: ([^)]*)\).*" =>
        "`$1` does not take $2", "convert it with CAST";
    r"(?s)^function `(\w+)` failed to match any signature, errors:.*" =>
        "`$1` has no type for all of its arguments", "convert them with CAST";
    r"(?s)^(?:function )?`(\w+)` (?:does not support zero arguments|user-defined coercion failed with: .*(?:called with 0 arguments|without any arguments)).*" =>
        "`$1` needs arguments",
        "\\df in the shell and SHOW FUNCTIONS tell how functions are called";
    r"(?s)^function `(\w+)` (?:user-defined coercion failed with: \w+ )?expects (.+?) arguments?(?:, got| but received) (\d+).*" =>
        "`$1` takes $2 arguments, not $3",
        "\\df in the shell and SHOW FUNCTIONS tell how functions are called";
    r"(?s)^physical plan does not support logical expression Wildcard.*" =>
        "a star is not allowed here", "count(*) counts rows; other functions take columns";
    r"(?s)^failed to coerce (?:then|case) \((.+?)\) and (?:else|when) \((.+?)\).*" =>
        "CASE has $1 and $2 for results", "convert one of them with CAST";
    r"(?s)^(\S+) is too (?:large|small) to store in a Decimal\d+ of precision (\d+).*" =>
        "`$1` has more digits than a decimal of $2",
        "DECIMAL(38, 2) has room for 36 digits before the point";
    r"(?s)^failed to coerce types (.+) and (.+) in BETWEEN.*" =>
        "BETWEEN cannot compare $1 with $2", "convert one of them with CAST";
    r"(?s)^unsupported logical plan: Statement\(Execute\)" =>
        "EXPLAIN takes no EXECUTE", "write EXPLAIN before the statement itself";
    r"(?s)^NYI: Attempting to write an Arrow interval.*" =>
        "Parquet files hold no intervals", "write extract(epoch FROM x), or CAST(x AS TEXT)";
    r"(?s)^the function `(\w+)` expected zero argument.*" =>
        "`$1` takes no arguments", "write $1()";
    r"(?s)^the function `(\w+)` expected (\d+) arguments? but received (\d+).*" =>
        "`$1` does not take $3 arguments",
        "\\df in the shell and SHOW FUNCTIONS tell how functions are called";
    r"^column count doesn't match insert query.*" =>
        "INSERT does not have as many values as columns",
        "give every row a value for each column that is named, or for each of the table";
    r"^unnest\(\) can only be applied to.*" =>
        "unnest takes a list", "write unnest(ARRAY[1, 2]), or FROM t, unnest(t.list) AS u(x)";
    r"^cannot automatically convert (\w+) to interval$" =>
        "an interval and $1 cannot be added", "a number of days is x * INTERVAL '1 day'";
    r"(?s)^argument (.+) to grouping function is not in grouping columns.*" =>
        "`grouping` takes what is in GROUP BY, and `$1` is not";
    r"(?s)^aggregate function calls cannot be nested.*" =>
        "an aggregate function is in another one", "compute the inner one in a subquery";
    r"(?s)^aggregate function calls cannot contain window function calls.*" =>
        "a window function is in an aggregate function",
        "compute the window function in a subquery";
    r"^cannot access field at argument \d+: type (\w+) is not.*" =>
        "cannot take a field of $1", "the name of a table is written without quotes, or in double quotes";
    r"^nested type \w+ is not supported in CSV" =>
        "csv files hold no nested columns", "select their fields, or write json or parquet";
    r"^there is no registered file format with ext (\w+)" =>
        "unknown file format `$1`",
        "file formats: csv, json, parquet, arrow; STORED AS names one";
    r#"^could not find config namespace for key "(\w+)""# =>
        "no setting `$1`", "SHOW ALL lists the settings";
    r"^error encountered while finalizing writes.*" =>
        "the file cannot be written", "look whether its folder can be written to";
    r"(?s)^cannot cast (?:string|value) [`'](.*)[`'] to value of (\w+) type" =>
        "`$1` is not a valid $2", "TRY_CAST gives NULL for what cannot be converted";
    r"(?s)^unsupported ast node in sqltorel: (?:AtTimeZone|Identifier|CompoundIdentifier).*" =>
        "AT TIME ZONE takes the name of a zone",
        "write it in quotes, as in AT TIME ZONE 'Europe/Berlin'";
    r"(?s)^unsupported ast node (?:in sqltorel: )?(\w+).*" => "$1 is not supported here";
    r"(?s)^SET variant not implemented yet: .*" =>
        "this form of SET is not supported", "write SET name = value";
    r"^aggregate functions are not allowed in the WHERE clause.*" =>
        "an aggregate function is not allowed in WHERE, which looks at one row at a time",
        "HAVING looks at groups; an aggregate of the outer query is computed in a subquery in FROM";
    r"^scalar subquery returned more than one row" =>
        "a subquery that is used as a value returned more than one row",
        "take one of them with LIMIT 1 or with an aggregate such as max(); IN and EXISTS look at all of them";
    r"^(a subquery would have to be run more than .*)" =>
        "$1", "narrow the outer query with WHERE, or write a join with GROUP BY";
    r"^the subquery names `([^`]+)` of the outer query, which has no such column here" =>
        "the subquery names `$1`, which the outer query does not have here",
        "after GROUP BY there are only the columns that it names; a column can also be selected in a subquery in FROM";
    r"(?s)^unsupported (LIMIT|OFFSET) expression.*" =>
        "$1 takes a number that is known before the query runs",
        "row_number() OVER (…) in a subquery numbers the rows";
    r"(?s)^physical plan does not support logical expression (?:OuterReferenceColumn|ScalarSubquery|Exists|InSubquery)\(.*" =>
        "a subquery cannot be used here", "select it in a subquery in FROM, and use its column";
    r"^signed integer overflow in (?:LCM|GCD)\((.+)\)" =>
        "integer overflow: the result for $1 is beyond 64 bits";
    r"^step cannot be zero" => "the step of a series must not be 0", "a negative step counts down";
    r"^correlated scalar subquery can only be used in.*" =>
        "a subquery that names columns of the outer query cannot be used here",
        "select it in a subquery in FROM, and use its column";
    r"(?s)^plan: \[.*|^must either specify a row count.*|.*\bdoes not satisfy (?:order|distribution) requirements.*" =>
        "this statement is not supported as it is written",
        "write it in smaller steps, with subqueries named by WITH";
    r"^only identifiers and literals are supported in tuples" =>
        "a row is not allowed here",
        "rows are compared with rows by =, <>, <, <=, >, >= and IN, and looked for with IN (SELECT …) in WHERE";
    r"(?s)^failed to coerce arguments to satisfy a call to `string_agg` function: coercion from [^,]+ to the signature.*" =>
        "`string_agg` takes a text and what stands between two of them", "write string_agg(x, ', ')";
    r"(?s)^failed to coerce arguments to satisfy a call to `(\w+)` function: coercion from (.+?) to the signature.*" =>
        "`$1` does not take these arguments: $2", "convert them with CAST";
    r"^(\w+) does not support type (\w+)\. No function matches.*" =>
        "`$1` does not take $2", "convert it with CAST";
    r"^binary operator `AtArrow` is not supported in the physical expr" =>
        "`@>` is for lists", "compare its fields one by one, as in column.field = 'x'";
    r"^(?:binary )?operator `?([^` ]+)`? is not (?:yet )?supported.*" =>
        "the operator `$1` is not supported";
    r"^table function `(\w+)` not found" =>
        "no table function `$1`",
        "there are json_each, json_tree, unnest, generate_series and range";
    r"^error parsing timestamp from (?:`([^`]*)`|'([^']*)'): .*" =>
        "`$1$2` is not a valid time",
        "times are written as in '2026-01-31' and '2026-01-31T10:20:30Z'; now() - interval '1 day' is a day ago";
    r"(?s)^unsupported date_trunc granularity: `?(\w+)`?.*" =>
        "date_trunc does not take `$1`",
        "it takes microsecond, millisecond, second, minute, hour, day, week, month, quarter and year";
    r"^date part `(\w+)` not supported.*" =>
        "`$1` is not a part of a time that can be taken",
        "there are year, quarter, month, week, day, dow, doy, hour, minute, second, millisecond, microsecond and epoch";
    r"^\w+ does not support: (.+)" =>
        "a value of type $1 has no such part",
        "date_part takes year, month, week, day and dow of dates, and hour, minute and second of times";
    r"^inconsistent data type across values list.* Was (.+) but found (.+)" =>
        "the rows of VALUES have $1 and $2 in one column", "convert one of them with CAST";
    r"^inconsistent data length across values list: got (\d+) values in row 0 but expected (\d+).*" =>
        "a row of VALUES has $1 values where $2 are expected",
        "give as many values as there are columns";
    r"^inconsistent data length across values list: got (\d+) values in row \d+ but expected (\d+).*" =>
        "a row of VALUES has $1 values, and the first has $2",
        "give every row as many; NULL stands for what is missing";
    r"^there is only support Literal types for field at idx: \d+ in Window Function.*" =>
        "lag, lead and nth_value take numbers and defaults that are the same for all rows",
        "coalesce(lag(x) OVER (…), y) has a default for each row, where x is never NULL";
    r"^SELECT DISTINCT ON expressions must match initial ORDER BY expressions" =>
        "ORDER BY begins with other columns than DISTINCT ON, or in another order",
        "begin ORDER BY with the columns of DISTINCT ON, in their order";
    r#"^WITH query name "?([^"`]+)"? specified more than once"# =>
        "`$1` is the name of two queries of WITH", "give one of them another name";
    r"^expected (LIMIT|OFFSET) to be an integer or null.*" =>
        "$1 takes an integer", "write it as LIMIT 10";
    r"^invalid escape character in LIKE expression.*" =>
        "ESCAPE takes one character", "LIKE '10!%' ESCAPE '!' finds a percent sign";
    r"^placeholder (?:`(.+?)`|(\S+)) was not provided a value for execution" =>
        "there is no value for `$1$2`",
        "--param name=value sets one, \\set name value in the shell";
    r"^can not find compatible types to compare (.+) with \[(.+)\]" =>
        "IN cannot compare $1 with $2", "convert one of them with CAST";
    r"^can not find compatible types to compare (.+) with (.+)" =>
        "cannot compare $1 with $2", "x = ANY (list) looks for x among the elements of a list";
    r"^insert-?(returning|on|ignore) clause not supported" =>
        "INSERT into a table of the session takes no clause after its rows",
        "SELECT shows the rows of the table afterwards";
    r"^update-?(?:returning|from|limit) clause not.*supported|^UPDATE \.\.\. FROM is not supported" =>
        "UPDATE of a table of the session takes SET and WHERE alone",
        "a subquery in SET reads another table: SET a = (SELECT … WHERE …)";
    r"^UPDATE not supported for \w+ table" =>
        "the rows of a view or a file cannot be changed", "change the table that the view reads";
    r"^schema provider does not support registering tables" =>
        "tables cannot be made in this schema", "leave the schema out";
    r"^unsupported SQL statement: ([A-Za-z]+(?: [A-Z]+)?)\b.*" =>
        "$1 is not supported", "CREATE OR REPLACE TABLE t AS SELECT … makes a table anew";
    r"^types don't match and no valid cast exists, received data of type (.+) for field of type Null" =>
        "a column that was NULL in every row when the table was made takes no $1",
        "give it a type there: CREATE TABLE t AS SELECT CAST(NULL AS TEXT) AS x";
    r"^non-nullable column `([^`]+)` is missing from the physical schema" =>
        "`$1` is no longer a column of the file", "make the view anew";
    r"(?s)^found mixed partition values on disk .*" =>
        "the folders of these files differ: each must have the same names before `=`, in the same order",
        "name the files of one kind, as in 'data/*.parquet'";
    r"^unsupported A(?:ll|ny)Op: `?([^`,]+)`?, only .*" =>
        "`$1` takes no ANY or ALL here", "write one condition for each value, with AND or OR between them";
    r"^tuple expressions are not supported for \w+ expressions" =>
        "keys in parentheses are not supported in ROLLUP and CUBE",
        "GROUPING SETS says each set: GROUPING SETS ((a, b, c), (a, b), ())";
    r"^cannot find column with position (\d+) in SELECT clause\. Valid columns: 1 to (\d+)" =>
        "$1 is not a position in the select list, which has $2", "name the column";
    r"^(UNION|INTERSECT|EXCEPT) queries have different number of columns" =>
        "the sides of $1 have different numbers of columns", "NULL stands for a column that one of them lacks";
    r"^RANGE requires exactly one ORDER BY column" =>
        "RANGE with a distance takes one key in ORDER BY", "ROWS counts rows instead";
    r"^delete-?(returning|limit|order-by) clause not.*supported|^using clause not supported" =>
        "DELETE from a table of the session takes WHERE alone",
        "WHERE x IN (SELECT …) looks at another table";
    r"^insert into not implemented for this table" =>
        "rows cannot be added to a file or a view", "COPY (SELECT …) TO 'keys.csv' writes a file";
    r"^inserts without a source not supported" =>
        "INSERT needs rows", "write VALUES (…), or a SELECT";
    r"^(?:replace Into|insert Overwrite) not implemented for MemoryTable yet" =>
        "REPLACE and OVERWRITE are not supported for tables of the session",
        "DELETE the old rows first, or make the table anew with CREATE OR REPLACE TABLE";
    r"^TRUNCATE not supported.*" =>
        "TRUNCATE is not supported", "DELETE FROM the table removes its rows";
    r"^query (?:INSERT|UPDATE|DELETE) .*not implemented yet" =>
        "WITH is not allowed before this statement",
        "put the query into the statement, or keep its rows with CREATE TABLE … AS";
    r"^column `?(\w+)`? is declared as non-nullable but contains null values" =>
        "a NOT NULL column does not accept NULL";
    r"^unsupported JOIN operator.*" =>
        "this kind of JOIN is not supported",
        "there are JOIN, LEFT, RIGHT, FULL and CROSS JOIN, also with LATERAL; WHERE EXISTS (SELECT …) is a semi-join";
    r"^unsupported Value `?\w*(?:Literal|String)\w*.*" =>
        "this kind of text literal is not supported",
        "write text in single quotes: 'a', or E'a\\n' with escapes";
    r"^unsupported (?:SQL unary operator|binary operator:) (\w+)" =>
        "the operator `$1` is not supported";
    r"^(ANY|ALL) in LIKE expression.*" =>
        "LIKE $1 takes a list of patterns", "write LIKE ANY (ARRAY['a%', 'b%'])";
    r"^cannot infer common type for bitwise operation (.+) \S+ (.+)" =>
        "bitwise operators take integers, not $1 and $2",
        "write a <> b for one of two conditions";
    r"^calling (\w+): SEPARATOR not supported in function arguments.*" =>
        "`$1` takes its separator as an argument", "write string_agg(x, ';')";
    r"^for function `(\w+)` (.+) and (.+) is not comparable.*" =>
        "`$1` cannot compare $2 with $3", "convert one of them with CAST";
    r"^argument #\d+ must be an INTEGER, TIMESTAMP, DATE or NULL, got.*" =>
        "this function makes rows from integers, timestamps or dates";
    r"^(check|foreign key) constraints are not currently supported" =>
        "table constraints are not supported",
        "write the columns alone, each with NOT NULL or DEFAULT";
    r"^join condition should not be empty.*" =>
        "an outer join needs a condition", "say which rows belong together with ON or USING";
    r"(?s)^regex parse error:.*error: unrecognized flag.*" =>
        "a flag in the regular expression is unknown",
        "flags in an expression are i, m, s and x, as in (?i)";
    // The line breaks come in either spelling.
    r"(?s)^regex parse error:(?:\\n|\s)+(?:\(\?\w+\))?(.*?)(?:\\n|\s)+\^+(?:\\n|\s)*error: (.+)" =>
        "`$1` is not a regular expression: $2", r"\( and \[ match the characters themselves";
    r"(?s)^overflow converting (\S+ ?\S*) to Nanosecond.*" =>
        "`$1` is out of range: a time in nanoseconds is between 1677 and 2262",
        "CAST(… AS TIMESTAMP) is in microseconds, and has no such bounds";
    r"^order by column out of bounds, specified: (\d+), max: (\d+)" =>
        "ORDER BY $1, but the select list has $2 columns",
        "name a column, or count those of the select list from 1";
    r"(?s)^fail to merge schema field `(\w+)`.*" =>
        "the files have values of several types in the column `$1`",
        "read them one by one, and put them together with CAST and UNION ALL";
    r"^invalid qualifier (.+)" =>
        "no table `$1` in this statement",
        "a star follows the name of a table in FROM, or its alias";
    r"^for SELECT DISTINCT, ORDER BY expressions (.+) must appear in select list" =>
        "ORDER BY names `$1`, which is not in the select list",
        "after DISTINCT and UNION only the columns of the select list exist; add it there, or sort in a subquery";
    r"^LATERAL syntax is not supported for .*" =>
        "LATERAL cannot follow RIGHT JOIN or FULL JOIN",
        "write CROSS JOIN LATERAL (SELECT …) AS x, or LEFT JOIN LATERAL … ON true";
    r"^(?:unsupported CAST|casting) from (.+?) to (.+?)(?: not supported)?$" =>
        "cannot convert $1 to $2";
    r"^order by index starts at 1 for column indexes" =>
        "ORDER BY 0 names no column", "name a column";
    r"^expr type (.+) can't cast to (.+) in SetComparison" =>
        "ANY and ALL compare $1 with values that are $2", "convert one of them with CAST";
    r"^correlated scalar subquery must be aggregated to return at most one row" =>
        "this subquery may return more than one row where a value is expected",
        "take one of them with an aggregate such as max(), or put it into FROM with LATERAL";
    r"^invalid window frame: start bound \((.+)\) cannot be larger than end bound \((.+)\)" =>
        "the frame ends before it begins: BETWEEN $1 AND $2", "write the earlier bound first";
    r"^invalid window frame: frame offsets for ROWS / GROUPS must be non negative integers" =>
        "ROWS and GROUPS take a number of rows or groups",
        "write a whole number that is not negative, as in ROWS 3 PRECEDING";
    r"^invalid window frame: frame offsets for RANGE must be.*" =>
        "RANGE takes a number, or an interval over times",
        "write it as a literal, as in RANGE 5 PRECEDING or RANGE INTERVAL '1 day' PRECEDING";
    r"(?s)^unsupported SQL type (\S+).*" =>
        "there is no type `$1`",
        "types are TEXT, INT, BIGINT, DOUBLE, DECIMAL, BOOLEAN, DATE, TIME, TIMESTAMP, TIMESTAMPTZ and INTERVAL";
}

/// What to write instead of two statements of SQLite.
pub(crate) const ATTACH: &str = "FROM 'keys.csv' reads a file";
pub(crate) const PRAGMA: &str = "DESCRIBE lists the columns of a table";

/// Returns what to write instead of a function of PostgreSQL, DuckDB and others.
pub(crate) fn instead_of(function: &str) -> Option<&'static str> {
    Some(match function.to_ascii_lowercase().as_str() {
        "age" => "subtract, as in now() - created_at",
        "array" => "ARRAY(SELECT …) takes a subquery with one item in its select list",
        "array_upper" => "write array_length(x, 1)",
        "charindex" => "write strpos(text, part)",
        "columns" => "name the columns, or write * EXCLUDE (…)",
        "current_catalog" => "SHOW CATALOGS lists them",
        "current_database" => "SHOW DATABASES lists them",
        "current_schema" => "SHOW SCHEMAS lists them",
        "current_user" => "\\conninfo of the shell names the key that is used",
        "date_add" | "dateadd" => "write date + interval '1 day'",
        "date_diff" | "datediff" | "timestampdiff" => {
            "subtract, as in date_part('epoch', a - b) / 86400 for days"
        }
        "date_sub" => "write date - interval '1 day'",
        "digest" | "md5" | "sha256" => {
            "there are no hash functions: compute the hash outside of iamql, from rows that -o csv or -o jsonl writes"
        }
        "div" => "write a / b for integers, and trunc(a / b) for other numbers",
        "getdate" | "sysdate" => "write now()",
        "hex" => "write encode(x, 'hex')",
        "histogram" => "write GROUP BY age_days / 100",
        "isnull" => "write x IS NULL, or coalesce(x, y)",
        "json_array_elements"
        | "json_each_text"
        | "jsonb_array_elements"
        | "jsonb_each"
        | "jsonb_each_text" => "write FROM t, json_each(t.x) AS e",
        "json_extract_scalar" | "json_value" => "write json_extract(x, '$.path'), or x ->> 'key'",
        "json_typeof" | "jsonb_typeof" => "write json_type(x)",
        "jsonb_path_query" => "write json_extract(x, '$.path')",
        "len" => "write length(text) or array_length(list)",
        "list_transform" => "write unnest(list), and array_agg over it",
        "make_interval" => "write interval '1 day' * n",
        "mode" => "write GROUP BY x ORDER BY count(*) DESC LIMIT 1",
        "percentile_disc" => "write percentile_cont(0.5) WITHIN GROUP (ORDER BY x)",
        "pg_typeof" => "write typeof(x) or arrow_typeof(x)",
        "printf" => "write format('%s of %s', x, y)",
        "quote" => "write format('%L', x)",
        "regexp_matches" => "write regexp_match(text, pattern), or text ~ pattern",
        "regexp_split_to_array" | "string_split" => "write string_to_array(text, separator)",
        "regexp_split_to_table" => "write unnest(string_to_array(text, separator))",
        "row_to_json" => "write to_json(x), or select the columns and take -o json",
        "struct_extract" => "write x.field or x['field']",
        "values" => "write (SELECT x FROM (VALUES (1), (2)) AS v(x))",
        "variance" => "write var_samp(x) or var_pop(x)",
        "version" => "SHOW VERSION says it",
        "width_bucket" => "write CAST(floor(x / width) AS INT)",
        _ => return None,
    })
}

patterns! {
    /// A word in single quotes.
    QUOTED = r"'([^'\s]+)'";
    /// The engine's access to a field of an object.
    FIELD = r#"get_field\(([\w.]+), Utf8\("(\w+)"\)\)"#;
    /// What was typed, which may look like anything.
    TYPED = "`[^`]*`|'[^']*'|\"[^\"]*\"";
    /// Names and phrases of the engine's internals.
    TALK = r"(?x)
        \b[A-Z]\w*[a-z]\w*\s?(?:\{|\() | \w+::\w+ | \b__\w+ | \bPG[A-Z]\w+
        | \b(?:DataFusion|DFSchema|TypeSignature|ScalarUDF|AggregateUDF|WindowUDF|LogicalPlan|ExecutionPlan
            |RecordBatch|ScalarValue|LargeUtf8|Utf8View|Utf8|U?Int(?:8|16|32|64)|Float(?:16|32|64)|Timestamp\(
            |MonthDayNano|Decimal128|ArrowError|SessionState|TableProvider|sqltorel|coerc\w+|outer_ref|get_field|\w+Exec)\b
        | assertion | internal\ error | schema\ specifies
        | (?i:physical\ ?(?:plan|expr)|logical\ (?:plan|expr|type)|type_coercion|schema\ error|optimizer)
        | \bNone\b | Some\(";
}

/// Returns `message`, which is plain, in other words, and the next step.
pub(crate) fn rephrase(message: &str) -> Option<(String, Option<String>)> {
    RETOLD.iter().find_map(|(pattern, words, hint)| {
        let pattern = compile(pattern);
        let found = pattern.captures(message)?;
        let told = |template: &str| {
            let mut text = String::new();
            found.expand(template, &mut text);
            text
        };
        Some((told(words), hint.map(told)))
    })
}

/// Returns true for a message that speaks of the engine's own parts.
pub(crate) fn mentions_internals(message: &str) -> bool {
    TALK.is_match(&TYPED.replace_all(message, ""))
}

/// Returns `message` in plain words: lower case, without a final stop, names in backticks.
pub(crate) fn plain(message: &str) -> String {
    static RULES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        WORDS
            .iter()
            .map(|(pattern, with)| (compile(pattern), *with))
            .collect()
    });
    let message = paths(&shorten_types(message));
    let mut message = QUOTED.replace_all(&message, "`$1`");
    for (rule, with) in RULES.iter() {
        if let Cow::Owned(replaced) = rule.replace_all(&message, *with) {
            message = Cow::Owned(replaced);
        }
    }
    lower_first(message.trim())
}

/// Makes messages of the engine and the parser look like ours: lower case, no final stop.
pub(crate) fn lower_first(message: &str) -> String {
    let message = match message.ends_with(": .") {
        // A stop that was found does not end a sentence.
        true => message,
        false => message.trim_end_matches('.'),
    };
    let mut chars = message.chars();
    match (chars.next(), message.chars().nth(1)) {
        // A keyword stays as it is.
        (Some(first), Some(second)) if first.is_uppercase() && second.is_uppercase() => {
            message.to_owned()
        }
        (Some(first), _) => first.to_lowercase().chain(chars).collect(),
        (None, _) => String::new(),
    }
}

/// Replaces `get_field(get_field(k.spec, Utf8("owner")), Utf8("id"))` by `k.spec.owner.id`.
fn paths(message: &str) -> String {
    let mut message = message.to_owned();
    while let Cow::Owned(shorter) = FIELD.replace_all(&message, "$1.$2") {
        message = shorter;
    }
    message
}

/// Replaces `Struct("id": Utf8, …)`, which can be hundreds of characters, by `object`, and lists likewise.
fn shorten_types(message: &str) -> String {
    shorten(&shorten(message, "Struct(", "object"), "List(", "list")
}

fn shorten(message: &str, open: &str, word: &str) -> String {
    let mut short = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(at) = rest.find(open) {
        short.push_str(&rest[..at]);
        short.push_str(word);
        let mut depth = 0_usize;
        let end = rest[at..].char_indices().find_map(|(i, c)| {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => return None,
            }
            (depth == 0).then_some(at + i + 1)
        });
        match end {
            Some(end) => rest = &rest[end..],
            None => return short,
        }
    }
    short.push_str(rest);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_in_messages_are_short() {
        assert_eq!(
            shorten_types(
                "Cannot coerce Utf8 + Struct(\"a\": Struct(\"b\": Utf8), \"c\": Utf8) to x"
            ),
            "Cannot coerce Utf8 + object to x"
        );
        assert_eq!(
            shorten_types("cut off Struct(\"a\": Utf8"),
            "cut off object"
        );
    }

    #[test]
    fn paths_values_and_types_are_what_people_write() {
        assert_eq!(
            plain(
                r#"Error during planning: Cannot coerce get_field(get_field(k.spec, Utf8("owner")), Utf8("id")) = Int64(5) of Utf8View and Timestamp(µs, "UTC")."#
            ),
            "cannot coerce k.spec.owner.id = 5 of text and timestamp"
        );
    }

    #[test]
    fn what_is_retold_is_written_as_it_should_be() {
        for (pattern, ..) in RETOLD {
            compile(pattern);
        }
        for (pattern, _) in WORDS {
            compile(pattern);
        }
        assert_eq!(
            rephrase("could not find config namespace for key \"nonsense\""),
            Some((
                "no setting `nonsense`".to_owned(),
                Some("SHOW ALL lists the settings".to_owned())
            ))
        );
        assert_eq!(rephrase("nothing that is known"), None);
    }

    #[test]
    fn an_expression_that_does_not_parse_is_told_as_one() {
        let told = |message| rephrase(&plain(message)).map(|(message, _)| message);
        assert_eq!(
            told(
                "Execution error: Regular expression did not compile: Syntax(\n~~~~\nregex parse error:\n    (\n    ^\nerror: unclosed group\n~~~~\n)"
            ),
            None
        );
        assert_eq!(
            told("regex parse error:\n    (\n    ^\nerror: unclosed group").as_deref(),
            Some("`(` is not a regular expression: unclosed group")
        );
    }

    #[test]
    fn the_parts_of_the_engine_are_not_named() {
        assert_eq!(
            plain(
                "Optimizer rule 'simplify_expressions' failed\ncaused by\nArrow error: Parser error: Error parsing 'x'"
            ),
            "error parsing `x`"
        );
        assert_eq!(
            plain(
                "Internal error: Oh no!.\nThis issue was likely caused by a bug in DataFusion's code. Please help."
            ),
            "oh no!"
        );
    }
}
