#include "ui/screen.h"

#include "report/text.h"
#include "util/text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cwchar>
#include <fmt/core.h>

namespace numadrift::ui {
namespace {

// Code point at the begin of valid UTF-8, and how many bytes it has.
std::pair<wchar_t, std::size_t> first_of(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text.front());
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (length == 1 || length > text.size()) return {lead, 1};
    auto code = static_cast<wchar_t>(lead & (0x7f >> length));
    for (std::size_t i = 1; i < length; ++i)
        code = static_cast<wchar_t>(code << 6 | (static_cast<unsigned char>(text[i]) & 0x3f));
    return {code, length};
}

// As much of it as so many columns of a terminal hold, and how many it takes.
std::pair<std::string_view, std::size_t> cut(std::string_view text, std::size_t columns) {
    std::size_t used = 0;
    std::size_t bytes = 0;
    while (bytes < text.size()) {
        const auto [code, length] = first_of(text.substr(bytes));
        const int width = ::wcwidth(code);
        const std::size_t takes = width < 0 ? 1 : static_cast<std::size_t>(width);
        if (used + takes > columns) break;
        used += takes;
        bytes += length;
    }
    return {text.substr(0, bytes), used};
}

// Cut or filled up to exactly so many columns.
std::string fit(std::string_view text, std::size_t columns, bool right = false) {
    const auto [shown, used] = cut(text, columns);
    return right ? fmt::format("{:{}}{}", "", columns - used, shown)
                 : fmt::format("{}{:{}}", shown, "", columns - used);
}

std::string percent(const std::optional<double>& share) {
    return share ? fmt::format("{:.0f}", std::max(0.0, *share * 100)) : "?";
}

std::string number(const std::optional<Node>& node) {
    return node ? fmt::format("{}", raw(*node)) : "?";
}

Style style_of(char mark) {
    switch (mark) {
    case '=': return Style::home;
    case '#': return Style::away;
    case '~': return Style::spread;
    default: return Style::unknown;
    }
}

// Marks in runs of one style.
void add_strip(const std::string& strip, std::size_t columns, Line& line) {
    const std::size_t shown = std::min(strip.size(), columns);
    for (const char mark : strip.substr(strip.size() - shown)) {
        if (line.empty() || line.back().style != style_of(mark)) line.push_back({"", style_of(mark)});
        line.back().text += mark;
    }
    if (shown < columns) line.push_back({std::string(columns - shown, ' '), Style::plain});
}

// ---- the table ----

struct Column {
    const char* heading;
    std::size_t width;
    bool right;
    std::size_t from_width; // of the screen: it is left out of narrower ones
    std::string (*of)(const TopRow& row);
};

const std::array<Column, 10>& columns() {
    static const std::array<Column, 10> kColumns = {{
        {"TID", 7, true, 0, [](const TopRow& row) { return fmt::format("{}", raw(row.tid)); }},
        {"NAME", 15, false, 60, [](const TopRow& row) { return row.name; }},
        {"NAME", 10, false, 0, [](const TopRow& row) { return row.name; }},
        {"NOW", 7, false, 64, [](const TopRow& row) { return row.now; }},
        {"HOME", 4, true, 50, [](const TopRow& row) { return number(row.home); }},
        {"ON", 3, true, 50, [](const TopRow& row) { return number(row.on); }},
        {"CPU%", 5, true, 60, [](const TopRow& row) { return percent(row.cpu); }},
        {"REM%", 5, true, 0, [](const TopRow& row) { return percent(row.remote); }},
        {"LOC%", 4, true, 0, [](const TopRow& row) { return percent(row.locality); }},
        {"MOVES", 5, true, 90, [](const TopRow& row) { return fmt::format("{}", row.moves); }},
    }};
    return kColumns;
}

constexpr std::size_t kWhyFrom = 120;
constexpr std::size_t kWhyWidth = 36;

std::vector<const Column*> columns_for(std::size_t width) {
    std::vector<const Column*> shown;
    for (const Column& column : columns()) {
        const bool again = !shown.empty() && std::string_view(shown.back()->heading) == column.heading;
        if (width >= column.from_width && !again) shown.push_back(&column);
    }
    return shown;
}

// What is left of a line for the strip.
std::size_t strip_width(std::size_t width) {
    std::size_t used = 0;
    for (const Column* column : columns_for(width)) used += column->width + 1;
    if (width >= kWhyFrom) used += kWhyWidth + 1;
    return width > used ? std::min(width - used, TopModel::kMostMarks) : 0;
}

Line heading(const TopModel& model, const View& view) {
    static const std::map<SortBy, std::string_view> kSorted = {
        {SortBy::remote, "REM%"}, {SortBy::cpu, "CPU%"},  {SortBy::locality, "LOC%"},
        {SortBy::moves, "MOVES"}, {SortBy::name, "NAME"}, {SortBy::tid, "TID"}};
    Line line;
    for (const Column* column : columns_for(view.width)) {
        const bool sorted = kSorted.at(model.sort) == column->heading;
        line.push_back(
            {fit(column->heading, column->width, column->right), sorted ? Style::bold : Style::heading});
        line.push_back({" ", Style::heading});
    }
    if (view.width >= kWhyFrom) line.push_back({fit("AWAY BY", kWhyWidth + 1), Style::heading});
    line.push_back({fit("LATELY", strip_width(view.width)), Style::heading});
    return line;
}

Line row_line(const TopRow& row, const View& view) {
    const bool is_chosen = view.height > 0 && view.chosen == std::pair(row.pid, row.tid);
    const Style style = is_chosen ? Style::chosen : Style::plain;
    std::string cells;
    for (const Column* column : columns_for(view.width))
        cells += fit(column->of(row), column->width, column->right) + " ";
    if (view.width >= kWhyFrom) cells += fit(row.why, kWhyWidth) + " ";
    Line line{{cells, style}};
    add_strip(row.strip, strip_width(view.width), line);
    return line;
}

// ---- above it ----

void add_wrapped(const std::string& text, std::size_t width, std::vector<Line>& lines) {
    std::size_t begin = 0;
    while (begin < text.size()) {
        std::size_t end = text.find('\n', begin);
        if (end == std::string::npos) end = text.size();
        std::string rest = text.substr(begin, end - begin);
        while (rest.size() > width) {
            std::size_t at = rest.rfind(' ', width);
            if (at == std::string::npos || at == 0) at = width;
            lines.push_back({{rest.substr(0, at), Style::plain}});
            rest = rest.substr(std::min(rest.size(), at + (rest[at] == ' ')));
        }
        lines.push_back({{rest, Style::plain}});
        begin = end + 1;
    }
}

std::string bar(double share, std::size_t width) {
    const auto filled =
        static_cast<std::size_t>(std::lround(std::clamp(share, 0.0, 1.0) * static_cast<double>(width)));
    return fmt::format("[{:|<{}}{:{}}]", "", filled, "", width - filled);
}

std::map<Node, std::uint64_t> memory_by_node(const Report& report) {
    std::map<Node, std::uint64_t> pages;
    for (const auto& [pid, record] : report.residency)
        for (const auto& row : record.rows) pages[Node{row.node}] += row.pages;
    return pages;
}

void add_nodes(const TopModel& model, const View& view, std::vector<Line>& lines) {
    const Report& report = model.report();
    const std::size_t most = view.height == 0 ? SIZE_MAX : std::max<std::size_t>(1, view.height / 4);
    const auto pages = memory_by_node(report);
    std::uint64_t all_pages = 0;
    for (const auto& [node, count] : pages) all_pages += count;
    const std::size_t bar_width = view.width >= 100 ? 24 : view.width >= 70 ? 12 : view.width >= 55 ? 6 : 0;
    std::size_t shown = 0;
    for (const auto& [node, info] : report.topology.nodes) {
        if (shown++ == most) {
            lines.push_back(
                {{fmt::format("… and {} more nodes", report.topology.nodes.size() - most), Style::dim}});
            return;
        }
        double ran_ns = 0;
        for (const ThreadReport& thread : report.threads)
            if (const auto on = thread.locality.cpu_ns.find(node); on != thread.locality.cpu_ns.end())
                ran_ns += static_cast<double>(on->second);
        const double used = ran_ns / std::max(1.0, static_cast<double>(report.duration_ns));
        const std::size_t cpus = report.topology.cpus_of(node).size();
        const auto found = pages.find(node);
        const std::uint64_t here = found == pages.end() ? 0 : found->second;
        const double share = all_pages == 0 ? 0 : static_cast<double>(here) / static_cast<double>(all_pages);
        Line line{{fit(fmt::format("node {}", raw(node)), 8), Style::bold}};
        if (bar_width > 0)
            line.push_back({bar(cpus == 0 ? 0 : used / static_cast<double>(cpus), bar_width), Style::home});
        line.push_back({fit(fmt::format(" {:.2f} of {} CPUs", used, cpus), 20), Style::plain});
        if (bar_width > 0) line.push_back({bar(share, bar_width), Style::spread});
        line.push_back({all_pages == 0 ? std::string(" memory ?")
                                       : fmt::format(" {} {:.0f} %", size_text(here * 4096), share * 100),
                        Style::plain});
        lines.push_back(std::move(line));
    }
}

std::string state_in_words(const TopModel& model, bool is_narrow) {
    const Report& report = model.report();
    if (model.seconds() <= 0) return "Waiting for the first events …";
    if (report.topology.is_one_node())
        return "This machine has one NUMA node: no thread can be away from its memory.";
    std::size_t away = 0;
    std::size_t unknown = 0;
    for (const ThreadReport& thread : report.threads) {
        away += thread.locality.last_standing == Standing::away && thread.locality.total_cpu_ns > 0;
        unknown += thread.verdict == Verdict::unknown;
    }
    const double window_ns = std::max(1.0, static_cast<double>(report.duration_ns));
    return fmt::format("{} of {} {}; remote {:.2f} of {:.2f} CPUs{}", away, model.running(),
                       is_narrow ? "away" : "running threads are away",
                       static_cast<double>(report.remote_cpu_ns) / window_ns,
                       static_cast<double>(report.cpu_ns) / window_ns,
                       unknown == 0 ? "" : fmt::format("; {} unknown", unknown));
}

void add_heading(const TopModel& model, const View& view, std::vector<Line>& lines) {
    const Report& report = model.report();
    const bool is_narrow = view.width < 60;
    const std::string left = fmt::format("numadrift top  {}", printable(view.how));
    const std::string right =
        is_narrow ? fmt::format("{}/{}{} {}", model.running(), model.threads(), view.paused ? " PAUSED" : "",
                                view.clock)
                  : fmt::format("last {:.1f} s  {} of {} threads run{}  {}", model.seconds(), model.running(),
                                model.threads(), view.paused ? "  PAUSED" : "", view.clock);
    const std::size_t room = view.width > right.size() + 1 ? view.width - right.size() - 1 : 0;
    lines.push_back({{fit(left, room) + " " + right, Style::bold}});
    lines.push_back({{state_in_words(model, is_narrow), Style::plain}});
    constexpr std::size_t kRoomy = 20; // lines: on fewer, one has to do for the incident
    const std::string incident = model.last_incident();
    if (view.height == 0 || view.height >= kRoomy) add_wrapped(incident, view.width, lines);
    else if (!incident.empty()) lines.push_back({{incident, Style::plain}});
    std::uint64_t lost = 0;
    for (const auto& [kind, count] : report.lost.events)
        if (kind != ND_EVENT_access_sample) lost += count;
    if (lost > 0)
        lines.push_back(
            {{fmt::format("LOST: {} events found the ring full", count_text(lost)), Style::alarm}});
    if (!report.rates.empty())
        lines.push_back({{"sampled: page faults are looked at in part, to keep to the budget", Style::dim}});
    add_nodes(model, view, lines);
}

// ---- panes ----

constexpr std::array<std::string_view, 13> kHelp = {
    "up down PgUp PgDn Home End   choose a thread",
    "Enter   what is known of it  Esc, q   back",
    "r remote  c CPU  l locality  m moves  n name  t tid   sort; again: reversed",
    "/       only names with this, or one id; Esc: all",
    "p space pause                 q   quit",
    "",
    "REM%  CPU time on nodes without the memory used, in % of one CPU",
    "LOC%  locality: 100 is all local    HOME  node of 2/3 of its memory",
    "ON    node it ran on last           MOVES to other nodes",
    "LATELY  a mark for each reading, the last one at the right:",
    "        = home  # away  ~ spread  ? unknown  . did not run",
    "All numbers are of the last three seconds. To keep them:",
    "        numadrift record -p PID"};

void add_detail(const TopModel& model, const View& view, std::vector<Line>& lines) {
    const ThreadReport* thread = view.chosen ? model.find(view.chosen->first, view.chosen->second) : nullptr;
    if (!thread) {
        lines.push_back({{"The thread has ended.", Style::plain}});
        return;
    }
    add_wrapped(render_thread(*thread), view.width, lines);
    lines.emplace_back();
    for (const auto& [node, ns] : thread->locality.cpu_ns)
        lines.push_back(
            {{fmt::format("    ran {} on node {}", duration_text(static_cast<double>(ns)), raw(node)),
              Style::plain}});
    for (const auto& [node, weight] : thread->locality.profile.weights())
        lines.push_back({{fmt::format("    {:.0f} % of its memory use on node {}", weight * 100, raw(node)),
                          Style::plain}});
    if (thread->limits)
        add_wrapped(fmt::format("    may run on CPUs {}, have memory on nodes {}",
                                printable(thread->limits->cpus), printable(thread->limits->mems)),
                    view.width, lines);
}

Line footer(const TopModel& model, const View& view, std::size_t rows) {
    if (view.is_typing) return {{fmt::format("Only: {}_", printable(model.filter)), Style::bold}};
    Line line;
    if (!view.message.empty()) line.push_back({view.message + "  ", Style::alarm});
    if (view.pane != Pane::list) {
        line.push_back({"Esc back  q quit", Style::dim});
        return line;
    }
    std::string text = "q quit  Enter thread  / filter  r c l m n t sort  p pause  h help";
    if (!model.filter.empty())
        text = fmt::format("Only: {} ({})  Esc all  ", printable(model.filter), rows) + text;
    line.push_back({text, Style::dim});
    return line;
}

// Lines above the rows of the list.
std::vector<Line> above(const TopModel& model, const View& view) {
    std::vector<Line> lines;
    add_heading(model, view, lines);
    lines.push_back(heading(model, view));
    return lines;
}

std::size_t rows_in_sight(const TopModel& model, const View& view) {
    const std::size_t used = above(model, view).size() + 1;
    return view.height > used ? view.height - used : 1;
}

void cut_to(std::size_t width, Line& line) {
    for (Run& run : line) {
        const auto [shown, used] = cut(run.text, width);
        run.text = std::string(shown);
        width -= used;
    }
}

} // namespace

void scroll(View& view, const TopModel& model, const std::vector<TopRow>& rows) {
    if (rows.empty()) {
        view.first = 0;
        return;
    }
    const auto chosen = std::ranges::find_if(
        rows, [&view](const TopRow& row) { return view.chosen == std::pair(row.pid, row.tid); });
    if (chosen == rows.end()) {
        if (view.pane == Pane::list) view.chosen.reset(); // the worst come first: they stay in sight
        view.first = 0;
        return;
    }
    const auto at = static_cast<std::size_t>(chosen - rows.begin());
    const std::size_t in_sight = rows_in_sight(model, view);
    if (at < view.first) view.first = at;
    if (at >= view.first + in_sight) view.first = at + 1 - in_sight;
    view.first = std::min(view.first, rows.size() > in_sight ? rows.size() - in_sight : 0);
}

std::vector<Line> draw(const TopModel& model, const View& view, const std::vector<TopRow>& rows) {
    std::vector<Line> lines;
    if (view.pane == Pane::list) {
        lines = above(model, view);
        const std::size_t most = view.height == 0 ? rows.size() : rows_in_sight(model, view);
        for (std::size_t at = view.first; at < std::min(rows.size(), view.first + most); ++at)
            lines.push_back(row_line(rows[at], view));
    } else if (view.pane == Pane::detail) {
        add_heading(model, view, lines);
        lines.emplace_back();
        add_detail(model, view, lines);
    } else
        for (const auto text : kHelp) add_wrapped(std::string(text) + "\n", view.width, lines);
    if (view.height > 0) {
        lines.resize(view.height - 1);
        lines.push_back(footer(model, view, rows.size()));
    }
    for (Line& line : lines) cut_to(view.width, line);
    return lines;
}

std::string plain(const Line& line) {
    std::string text;
    for (const Run& run : line) text += run.text;
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
}

} // namespace numadrift::ui
