// How a table is made of rows: a column and where a row has it in one list, so that names and values cannot
// part.
#pragma once

#include "export/tables.h"
#include "report/json_values.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace numadrift::tables {

template <class Row> struct Column {
    const char* name;
    Type type;
    const char* about;
    Value (*of)(const Report& report, const Row& row);
};

template <class Row> using EachRow = void (*)(const Report&, const std::function<void(const Row&)>&);

template <class Row>
Table table(const char* name, const char* about, std::vector<Column<Row>> columns, EachRow<Row> each) {
    Table made{name,
               about,
               {{"trace", Type::text, "host and begin: the same in all rows of a trace"},
                {"host", Type::text, "where it was recorded"}},
               {}};
    for (const auto& column : columns) made.columns.push_back({column.name, column.type, column.about});
    made.for_each_row = [columns = std::move(columns), each](const Report& report, const TakeRow& take) {
        const std::string id = trace_id(report);
        each(report, [&](const Row& row) {
            std::vector<Value> values{id, report.trace.host};
            for (const auto& column : columns) values.push_back(column.of(report, row));
            take(values);
        });
    };
    return made;
}

inline Value node_value(Node node) {
    return node == kNoNode ? Value() : Value(std::int64_t{raw(node)});
}

inline Value text_value(const std::string& text) {
    return text.empty() ? Value() : Value(text);
}

inline Value count(std::uint64_t number) {
    return number;
}

// As the JSON report rounds them.
inline Value whole_ns(const Locality& locality, double ns) {
    if (!locality.locality()) return {};
    return static_cast<std::uint64_t>(std::llround(std::clamp(ns, 0.0, 9e18)));
}

inline Value share(const std::optional<double>& value) {
    return value ? Value(rounded(*value)) : Value();
}

template <class Map> Value at_node(const Map& values, Node node) {
    const auto found = values.find(node);
    return found == values.end() ? Value(std::uint64_t{0}) : Value(std::uint64_t{found->second});
}

// The tables of threads, in export/tables_of_threads.cpp.
Table episode_table();
Table thread_table();
Table thread_node_table();
Table away_table();
Table move_table();
Table span_table();

} // namespace numadrift::tables
