#include "report/html/html.h"

#include "probe/counters.h"
#include "report/html/assets.h"
#include "report/html/lanes.h"
#include "report/json.h"
#include "report/series.h"
#include "report/text.h"
#include "util/text.h"

#include <algorithm>
#include <map>
#include <zlib.h>

namespace numadrift::html {
namespace {

constexpr std::size_t kSlices = 400;
constexpr std::size_t kMostAway = 20'000; // intervals of all threads
constexpr std::size_t kMostPageMoves = 5'000;

std::string escaped(std::string_view text) {
    std::string markup;
    for (const char c : text) {
        switch (c) {
        case '&': markup += "&amp;"; break;
        case '<': markup += "&lt;"; break;
        case '>': markup += "&gt;"; break;
        case '"': markup += "&quot;"; break;
        default: markup += c;
        }
    }
    return markup;
}

// As gzip, which browsers can read again by themselves.
std::string compressed(const std::string& text) {
    constexpr int kGzip = 15 + 16;
    z_stream stream{};
    if (::deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        throw std::bad_alloc();
    std::string bytes(::deflateBound(&stream, text.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(bytes.data());
    stream.avail_out = static_cast<uInt>(bytes.size());
    ::deflate(&stream, Z_FINISH);
    bytes.resize(stream.total_out);
    ::deflateEnd(&stream);
    return bytes;
}

std::string base64(std::string_view bytes) {
    static constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
        std::uint32_t group = 0;
        for (std::size_t i = 0; i < 3; ++i)
            group = group << 8 | (i < count ? static_cast<unsigned char>(bytes[at + i]) : 0u);
        for (std::size_t i = 0; i < 4; ++i) text += i <= count ? kDigits[group >> (18 - 6 * i) & 63] : '=';
    }
    return text;
}

Json series_json(const Report& report) {
    const auto slices = slices_of(report, kSlices);
    Json ran = Json::object();
    for (const auto& [node, info] : report.topology.nodes) {
        std::vector<std::int64_t> row;
        for (const Slice& slice : slices) {
            const auto found = slice.ran_ns.find(node);
            row.push_back(found == slice.ran_ns.end() ? 0 : std::llround(found->second));
        }
        ran[key(node)] = row;
    }
    Json locality = Json::array();
    for (const Slice& slice : slices) locality.push_back(rounded_or_null(slice.locality()));
    Json memory = Json::object(); // by node: [time_ns, pages, …]
    for (const MemoryPoint& point : report.memory) {
        Json& row = memory[key(point.node)];
        row.push_back(point.time_ns);
        row.push_back(point.pages);
    }
    Json counters = Json::array();
    for (const auto& [where, record] : report.counters) {
        Json points = Json::array();
        for (const auto& point : record.points) {
            points.push_back(point.time_ns);
            points.push_back(point.value);
        }
        counters.push_back({{"node", where.first == kNoNode ? Json(nullptr) : Json(raw(where.first))},
                            {"name", where.second},
                            {"is_level", probe::is_level(where.second)},
                            {"points", points}});
    }
    return {{"slices", slices.size()},
            {"ran_ns", ran},
            {"locality", locality},
            {"memory_pages", memory},
            {"counters", counters}};
}

// What the page cannot use in such numbers is left out, and counted.
void trim(Report& report) {
    const std::size_t most =
        std::max<std::size_t>(8, kMostAway / std::max<std::size_t>(report.threads.size(), 1));
    for (ThreadReport& thread : report.threads) {
        auto& away = thread.locality.away;
        if (away.size() <= most) continue;
        std::ranges::nth_element(away, away.begin() + static_cast<std::ptrdiff_t>(most), std::greater<>(),
                                 &AwayInterval::cpu_ns);
        thread.locality.away_left_out += away.size() - most;
        away.resize(most);
        std::ranges::sort(away, {}, &AwayInterval::start_ns);
    }
    if (report.page_moves.size() <= kMostPageMoves) return;
    std::map<std::tuple<Node, Node, std::uint8_t>, PageMoveRecord*> last;
    std::vector<PageMoveRecord> fewer;
    fewer.reserve(report.page_moves.size());
    const std::uint64_t apart_ns = report.duration_ns / kSlices;
    for (const PageMoveRecord& move : report.page_moves) {
        PageMoveRecord*& same = last[{move.from, move.to, move.reason}];
        if (same && move.begin_ns < same->begin_ns + apart_ns) same->pages += move.pages;
        else same = &fewer.emplace_back(move);
    }
    report.page_moves = std::move(fewer);
}

std::string episodes_markup(const Report& report) {
    constexpr std::size_t kMostEpisodes = 12;
    std::string items;
    for (std::size_t i = 0; i < std::min(report.episodes.size(), kMostEpisodes); ++i)
        items += "<li>" + escaped(episode_text(report.episodes[i])) + "</li>";
    if (report.episodes.size() > kMostEpisodes)
        items += fmt::format("<li>… and {} more</li>", report.episodes.size() - kMostEpisodes);
    return items;
}

} // namespace

void write(Report report, const std::string& file, Output& out) {
    trim(report);
    Json cgroups = Json::object();
    for (const auto& [pid, process] : report.processes) cgroups[fmt::format("{}", raw(pid))] = process.cgroup;
    const Json data{{"report", to_json(report)},
                    {"lanes", lanes_json(report)},
                    {"series", series_json(report)},
                    {"cgroups", cgroups},
                    {"file", printable(file)}};
    const std::map<std::string_view, std::string> parts = {
        {"TITLE", escaped(printable(report.trace.host) + ": " + report.summary)},
        {"SUMMARY", escaped(report.summary)},
        {"EPISODES", episodes_markup(report)},
        {"STYLE", std::string(assets::style())},
        {"TEXT", escaped(render_text(report, {10, file, {}}))},
        {"D3", std::string(assets::d3())},
        {"DATA", base64(compressed(data.dump(-1, ' ', false, Json::error_handler_t::replace)))},
        {"SCRIPT", std::string(assets::script())}};
    std::string_view page = assets::page();
    while (!page.empty()) {
        const std::size_t at = page.find('@');
        out.write(page.substr(0, at));
        if (at == std::string_view::npos) break;
        const std::size_t end = page.find('@', at + 1);
        out.write(parts.at(page.substr(at + 1, end - at - 1)));
        page.remove_prefix(end + 1);
    }
}

} // namespace numadrift::html
