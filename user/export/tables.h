// A report as tables, for SQL and data frames: a documented schema of its own version, the same for NDJSON
// and CSV. Every row says which trace it is of, so that traces of many hosts can be put together.
//
// Owns: which tables and columns there are. Does not own: how they are written (rows.h).
#pragma once

#include "report/report.h"

#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace numadrift::tables {

inline constexpr std::string_view kSchema = "numadrift.export/1";

enum class Type { boolean, integer, number, text };

// Nothing where it is not known.
using Value = std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string>;

struct ColumnInfo {
    std::string name;
    Type type = Type::text;
    std::string about;
};

// Is given the values of a row in the order of its columns.
using TakeRow = std::function<void(const std::vector<Value>&)>;

struct Table {
    std::string name;
    std::string about;
    std::vector<ColumnInfo> columns; // the first two are trace and host, in every table
    std::function<void(const Report&, const TakeRow&)> for_each_row;
};

// All tables, in the order they are written.
const std::vector<Table>& all();

// What distinguishes a trace from any other: host and begin.
std::string trace_id(const Report& report);

// The schema as JSON: tables, columns, types, units.
std::string render_schema();

} // namespace numadrift::tables
