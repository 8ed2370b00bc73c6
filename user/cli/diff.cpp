#include "cli/cli.h"
#include "cli/report_options.h"
#include "report/compare.h"
#include "util/file.h"

#include <unistd.h>

namespace numadrift::cli {
namespace {

struct DiffOptions {
    std::string a;
    std::string b;
    GroupBy by = GroupBy::name;
    bool json = false;
    bool check = false;
};

struct Place {
    std::string file;
    WindowBounds window;
};

// "FILE" or "FILE@FROM..TO"; either end may be left out.
Result<Place> parse_place(const std::string& text) {
    const std::size_t at = text.rfind('@');
    const std::size_t dots = at == std::string::npos ? at : text.find("..", at);
    if (dots == std::string::npos || ::access(text.c_str(), F_OK) == 0) return Place{text, {}};
    Place place{text.substr(0, at), {}};
    const auto parse = [](const std::string& moment, std::optional<TimePoint>& point) -> Status {
        if (moment.empty()) return Done{};
        auto parsed = TimePoint::parse(moment);
        if (!parsed) return parsed.error();
        point = *parsed;
        return Done{};
    };
    if (auto status = parse(text.substr(at + 1, dots - at - 1), place.window.from); !status)
        return status.error();
    if (auto status = parse(text.substr(dots + 2), place.window.to); !status) return status.error();
    return place;
}

Result<Report> read(const std::string& text) {
    const auto place = parse_place(text);
    if (!place) return place.error();
    auto source = open_trace(place->file, place->window);
    if (!source) return source.error();
    return make_report(**source, {});
}

Result<int> run(const DiffOptions& options) {
    const auto a = read(options.a);
    if (!a) return a.error();
    const auto b = read(options.b);
    if (!b) return b.error();
    const Comparison comparison = compare(*a, *b, options.by);
    const std::string text =
        options.json ? render_comparison_json(comparison, *a, *b) : render_comparison(comparison, *a, *b);
    if (auto status = print_out(text); !status) return status.error();
    if (!options.check) return 0;
    return comparison.changed ? kExitDrifted : comparison.is_known ? 0 : kExitUnanswered;
}

} // namespace

Run add_diff(CLI::App& app) {
    Verb verb(app, "diff", "Compare two traces or windows: who lost locality, and what else changed",
              "Examples:\n"
              "  numadrift diff good.ndt bad.ndt\n"
              "  numadrift diff db.ndt@+0s..+30s db.ndt@12:03:10..12:03:40\n"
              "A is the good hour, B the bad one. A difference inside the noise is called so.");
    auto options = std::make_shared<DiffOptions>();
    verb.option("A", options->a, "Trace, or a window of it: FILE@FROM..TO").required();
    verb.option("B", options->b, "Trace, or a window of it").required();
    verb.flag("--json", options->json, "Print JSON (schema numadrift.diff/1)");
    verb.flag("--check", options->check, "Exit with 3 if locality changed, 4 if that cannot be said");
    add_group_option(verb, options->by);
    return [options] { return run(*options); };
}

} // namespace numadrift::cli
