#include "cli/cli.h"
#include "cli/report_options.h"
#include "export/perfetto.h"
#include "export/rows.h"
#include "util/file.h"

#include <algorithm>
#include <filesystem>
#include <fmt/core.h>

namespace numadrift::cli {
namespace {

enum class Format { perfetto, ndjson, csv };

struct ExportOptions {
    std::string file;
    Format format = Format::ndjson;
    std::string output;
    std::vector<std::string> tables;
    bool schema = false;
    ReportOptions report;
};

std::string table_names() {
    std::string names;
    for (const auto& table : tables::all()) names += (names.empty() ? "" : ", ") + table.name;
    return names;
}

// Those asked for; all, where none was.
Result<std::vector<const tables::Table*>> chosen_tables(const ExportOptions& options) {
    std::vector<const tables::Table*> chosen;
    for (const auto& table : tables::all())
        if (options.tables.empty() || std::ranges::find(options.tables, table.name) != options.tables.end())
            chosen.push_back(&table);
    for (const auto& name : options.tables)
        if (std::ranges::none_of(chosen, [&](const auto* table) { return table->name == name; }))
            return Error{fmt::format("no table is named {}", name), "there are " + table_names(), true};
    return chosen;
}

Status write_tables(const Report& report, const ExportOptions& options, const std::string& path,
                    const std::vector<const tables::Table*>& which) {
    auto out = Output::open(path);
    if (!out) return out.error();
    if (options.format == Format::ndjson) tables::write_ndjson(report, which, *out);
    else tables::write_csv(report, *which.front(), *out);
    return out->finish();
}

// A file for each table.
Status write_directory(const Report& report, const ExportOptions& options,
                       const std::vector<const tables::Table*>& which) {
    std::error_code error;
    std::filesystem::create_directories(options.output, error);
    if (error) return Error{fmt::format("cannot create {}: {}", options.output, error.message()), {}};
    const char* ending = options.format == Format::ndjson ? "ndjson" : "csv";
    for (const auto* table : which) {
        const std::string path = fmt::format("{}/{}.{}", options.output, table->name, ending);
        if (auto status = write_tables(report, options, path, {table}); !status) return status;
    }
    return Done{};
}

Status write(const Report& report, const ExportOptions& options) {
    if (options.format == Format::perfetto) {
        auto out = Output::open(options.output);
        if (!out) return out.error();
        perfetto::write(report, *out);
        return out->finish();
    }
    const auto which = chosen_tables(options);
    if (!which) return which.error();
    const bool is_directory = options.output.ends_with('/') || std::filesystem::is_directory(options.output);
    if (is_directory) return write_directory(report, options, *which);
    if (options.format == Format::csv && which->size() > 1)
        return Error{"a CSV file holds one table, and this is all of them",
                     "--table thread, or -o DIR/ for a file of each", true};
    return write_tables(report, options, options.output, *which);
}

Result<int> run(const ExportOptions& options) {
    if (options.schema) {
        if (auto status = print_out(tables::render_schema()); !status) return status.error();
        return 0;
    }
    if (options.file.empty())
        return Error{"no trace is given", "numadrift export FILE --format ndjson", true};
    if (auto status = check_output(options.file, options.output); !status) return status.error();
    auto source = open_trace(options.file, options.report.window);
    if (!source) return source.error();
    const auto report = make_report(**source, options.report.thresholds);
    if (!report) return report.error();
    if (auto status = write(*report, options); !status) return status.error();
    return 0;
}

} // namespace

Run add_export(CLI::App& app) {
    Verb verb(app, "export", "Write a trace for Perfetto, or as tables for SQL and data frames",
              "Examples:\n"
              "  numadrift export db.ndt --format perfetto -o db.pftrace  for ui.perfetto.dev\n"
              "  numadrift export db.ndt --format ndjson -o db.ndjson\n"
              "  duckdb -c \"SELECT comm, verdict FROM 'db.ndjson' WHERE record = 'thread'\"\n"
              "  numadrift export db.ndt --format csv --table away\n"
              "  numadrift export db.ndt --format csv -o tables/        a file for each table");
    auto options = std::make_shared<ExportOptions>();
    static const std::map<std::string, Format> kFormats = {
        {"perfetto", Format::perfetto}, {"ndjson", Format::ndjson}, {"csv", Format::csv}};
    verb.option("FILE", options->file, "Trace, as written by record");
    verb.choice("--format", options->format, kFormats, "perfetto, ndjson or csv [ndjson]")
        .is_called("FORMAT");
    verb.option("-o,--output", options->output, "File, or for tables a directory: DIR/ [stdout]");
    verb.option("--table", options->tables, "Only these tables: " + table_names()).takes_lists();
    verb.flag("--schema", options->schema, "Print the tables, their columns, types and units as JSON");
    auto window = std::make_shared<WindowBounds>();
    add_window_options(verb, window);
    return [options, window] {
        options->report.window = *window;
        return run(*options);
    };
}

} // namespace numadrift::cli
