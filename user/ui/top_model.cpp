#include "ui/top_model.h"

#include "report/text.h"
#include "util/text.h"

#include <algorithm>
#include <fmt/core.h>
#include <tuple>

namespace numadrift::ui {

void TopModel::read() {
    report_ = report_on(lately_.timeline(Lately::Of::active_threads), {});
    seconds_ = static_cast<double>(report_.duration_ns) / 1e9;
    rows_.clear();
    for (auto& [key, strip] : strips_) strip += '.';
    for (const ThreadReport& thread : report_.threads) {
        std::string& strip = strips_[{thread.pid, thread.tid}];
        if (strip.empty()) strip.push_back(mark_of_last(thread));
        strip.back() = mark_of_last(thread);
        TopRow row = row_of(thread);
        row.strip = strip;
        if (row.cpu > 0 || row.moves > 0) rows_.push_back(std::move(row));
    }
    std::erase_if(strips_,
                  [](const auto& entry) { return entry.second.ends_with(std::string(kIdleMarks, '.')); });
    for (auto& [key, strip] : strips_)
        if (strip.size() > 2 * kMostMarks) strip.erase(0, kMostMarks);
    read_until_ns_ = report_.start_monotonic_ns + report_.duration_ns;
    remember_incident();
}

// What began before the seconds that a reading sees is told from their begin on: of that, only how many
// threads it was may be news.
void TopModel::remember_incident() {
    const auto kind = [](const Episode& episode) {
        return std::tie(episode.program, episode.opening, episode.cause, episode.by_comm, episode.from,
                        episode.to);
    };
    const auto seen = std::ranges::find_if(
        report_.episodes, [](const Episode& episode) { return episode.opening != Opening::neither; });
    if (seen == report_.episodes.end()) return;
    const std::uint64_t first_ns = report_.start_monotonic_ns + seen->first_start_ns;
    const bool is_same = incident_ && kind(*seen) == kind(incident_->episode);
    if (seen->first_start_ns > 0 && (!is_same || first_ns > incident_->last_ns))
        incident_ = Incident{*seen, first_ns, first_ns};
    else if (is_same && seen->tids.size() >= incident_->episode.tids.size()) incident_->episode = *seen;
    else return;
    incident_->last_ns = report_.start_monotonic_ns + seen->last_start_ns;
}

std::string TopModel::last_incident() const {
    if (!incident_) return {};
    const std::uint64_t ago_ns =
        read_until_ns_ > incident_->first_ns ? read_until_ns_ - incident_->first_ns : 0;
    return fmt::format("{:.0f} s ago: {}", static_cast<double>(ago_ns) / 1e9,
                       what_happened(incident_->episode));
}

// What it mostly was since the reading before.
char TopModel::mark_of_last(const ThreadReport& thread) const {
    const std::uint64_t since_ns =
        read_until_ns_ > report_.start_monotonic_ns ? read_until_ns_ - report_.start_monotonic_ns : 0;
    std::map<Standing, double> ran;
    for (const StandingSpan& span : thread.locality.spans) {
        if (span.end_ns <= since_ns || span.ran_ns == 0) continue;
        const std::uint64_t begin_ns = std::max(span.begin_ns, since_ns);
        ran[span.standing] += static_cast<double>(span.ran_ns) * static_cast<double>(span.end_ns - begin_ns) /
                              static_cast<double>(span.end_ns - span.begin_ns);
    }
    const auto most = std::ranges::max_element(ran, {}, [](const auto& entry) { return entry.second; });
    return most == ran.end() ? '.' : mark_of(most->first);
}

TopRow TopModel::row_of(const ThreadReport& thread) const {
    const Locality& locality = thread.locality;
    TopRow row;
    row.pid = thread.pid;
    row.tid = thread.tid;
    row.name = printable(thread.comm);
    row.now = locality.total_cpu_ns == 0 ? "idle" : standing_name(locality.last_standing);
    row.home = locality.home;
    if (!locality.spans.empty() && locality.spans.back().node != kNoNode) row.on = locality.spans.back().node;
    const double window_ns = std::max(1.0, static_cast<double>(report_.duration_ns));
    row.cpu = static_cast<double>(locality.total_cpu_ns) / window_ns;
    row.locality = locality.locality();
    if (row.locality) row.remote = locality.remote_cpu_ns / window_ns;
    row.moves = thread.moves_cross_node;
    if (!locality.away.empty() && locality.away.back().open) row.why = by_text(locality.away.back());
    return row;
}

std::vector<TopRow> TopModel::rows() const {
    std::vector<TopRow> rows;
    for (const TopRow& row : rows_) {
        const bool matches = filter.empty() || row.name.find(filter) != std::string::npos ||
                             fmt::format("{}", raw(row.tid)) == filter ||
                             fmt::format("{}", raw(row.pid)) == filter;
        if (matches) rows.push_back(row);
    }
    const auto order = [this](const TopRow& a, const TopRow& b) {
        switch (sort) {
        case SortBy::remote:
            return std::pair(a.remote.value_or(-1), a.cpu) > std::pair(b.remote.value_or(-1), b.cpu);
        case SortBy::cpu: return a.cpu > b.cpu;
        case SortBy::locality: return a.locality.value_or(2) < b.locality.value_or(2);
        case SortBy::moves: return a.moves > b.moves;
        case SortBy::name: return a.name < b.name;
        case SortBy::tid: return a.tid < b.tid;
        }
        return false;
    };
    std::ranges::stable_sort(rows, order);
    if (reversed) std::ranges::reverse(rows);
    return rows;
}

const ThreadReport* TopModel::find(Pid pid, Tid tid) const {
    const auto found = std::ranges::find_if(report_.threads, [pid, tid](const ThreadReport& thread) {
        return thread.pid == pid && thread.tid == tid;
    });
    return found == report_.threads.end() ? nullptr : &*found;
}

} // namespace numadrift::ui
