#include "export/rows.h"

#include "report/json_values.h"
#include "util/text.h"

#include <algorithm>

namespace numadrift::tables {
namespace {

Json json_of(const Value& value) {
    return std::visit(Overloaded{[](std::monostate) { return Json(nullptr); },
                                 [](const auto& known) { return Json(known); }},
                      value);
}

// A spreadsheet takes text that begins so for a formula, and runs it.
bool is_formula(const std::string& text) {
    return !text.empty() && std::string_view("=+-@").find(text.front()) != std::string_view::npos;
}

std::string quoted(const std::string& text) {
    std::string shown = printable(text);
    if (is_formula(shown)) shown.insert(0, 1, '\'');
    if (shown.find_first_of(",\"") == std::string::npos && !shown.empty() && shown.front() != ' ' &&
        shown.back() != ' ')
        return shown;
    std::string field = "\"";
    for (const char c : shown) {
        if (c == '"') field += '"';
        field += c;
    }
    return field + '"';
}

std::string csv_of(const Value& value) {
    return std::visit(Overloaded{[](std::monostate) { return std::string(); },
                                 [](bool known) { return std::string(known ? "true" : "false"); },
                                 [](const std::string& text) { return quoted(text); },
                                 [](const auto& number) { return fmt::format("{}", number); }},
                      value);
}

} // namespace

void write_ndjson(const Report& report, const std::vector<const Table*>& which, Output& out) {
    for (const Table* table : which)
        table->for_each_row(report, [&](const std::vector<Value>& values) {
            Json row{{"record", table->name}};
            for (std::size_t i = 0; i < values.size(); ++i)
                if (!std::holds_alternative<std::monostate>(values[i]))
                    row[table->columns[i].name] = json_of(values[i]);
            out.write(row.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n");
        });
}

void write_csv(const Report& report, const Table& table, Output& out) {
    const auto line = [&out](const auto& items, auto&& text_of) {
        std::string text;
        for (const auto& item : items) text += text_of(item) + ",";
        text.back() = '\r';
        out.write(text + "\n");
    };
    line(table.columns, [](const ColumnInfo& column) { return column.name; });
    table.for_each_row(report, [&](const std::vector<Value>& values) { line(values, csv_of); });
}

} // namespace numadrift::tables
