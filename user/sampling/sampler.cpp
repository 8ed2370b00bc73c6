#include "sampling/sampler.h"

#include "sampling/survey.h"
#include "util/file.h"

#include <algorithm>
#include <fmt/core.h>
#include <unistd.h>
#include <utility>

namespace numadrift::sampling {
namespace {

constexpr std::uint64_t kPageMask = ~std::uint64_t{4095};
constexpr std::size_t kMostWaiting = 1024;
// An address outside all known mappings: they have changed. How soon they are read again.
constexpr std::uint64_t kReadAgainNs = 200'000'000;
constexpr std::uint64_t kReadAtLastNs = 30'000'000'000;
constexpr std::uint64_t kPassesASurvey = 4; // one of so many passes begins with the survey

} // namespace

Sampler::Sampler(SamplerOptions options, PageQuery query)
    : options_(std::move(options)), query_(std::move(query)) {}

// Reading holds the mmap lock too, and is paid for like a question. False: the process is gone.
bool Sampler::read_mappings(std::uint32_t pid, Known& known, std::uint64_t now_ns) {
    const PageQuery::Spent begin = query_.now();
    const auto text = read_file(fmt::format("{}/proc/{}/maps", options_.root, pid));
    if (text) known.mappings = Mappings::parse(*text);
    query_.charge_since(begin);
    known.read_ns = now_ns;
    known.pause_ns = std::clamp(2 * known.pause_ns, kReadAgainNs, kReadAtLastNs);
    known.next_read_ns = now_ns + known.pause_ns;
    return text || ::access(fmt::format("{}/proc/{}", options_.root, pid).c_str(), F_OK) == 0;
}

const Mapping* Sampler::mapping_of(std::uint32_t pid, std::uint64_t address, std::uint64_t now_ns) {
    Known& known = processes_[pid];
    if (known.read_ns > 0) {
        const Mapping* mapping = known.mappings.find(address);
        if (mapping || now_ns < known.next_read_ns) return mapping;
    }
    const bool is_first = known.read_ns == 0;
    if (!read_mappings(pid, known, now_ns)) {
        processes_.erase(pid);
        return nullptr;
    }
    const Mapping* mapping = known.mappings.find(address);
    if (is_first) return mapping;
    if (mapping) known.pause_ns = 0; // worth it: they do change
    return mapping;
}

void Sampler::take(const RawSample& sample) {
    Sampling& count = counts_[{sample.pid, sample.tid}];
    ++count.taken;
    const Access access = decoder_.decode(sample);
    if (access.kind == Access::Kind::opaque) {
        ++(sample.where == Where::kernel ? count.in_kernel : count.opaque);
        return;
    }
    if (access.kind == Access::Kind::own) {
        ++count.own;
        return;
    }
    const Mapping* mapping = mapping_of(sample.pid, access.address, sample.time_ns);
    if (!mapping) {
        ++count.opaque; // what was taken for an address is none
        return;
    }
    if (!mapping->holds_data() || mapping->kind == MappingKind::stack) {
        ++count.own;
        return;
    }
    const auto how = access.kind != Access::Kind::exact ? ND_SAMPLE_base
                     : sample.where == Where::fault     ? ND_SAMPLE_fault
                                                        : ND_SAMPLE_exact;
    waiting_.push_back({sample.pid, sample.tid, access.address & kPageMask, static_cast<std::uint8_t>(how)});
    if (waiting_.size() > kMostWaiting) thin_out();
}

// More samples than questions may be asked: every second one goes, which favours no thread.
void Sampler::thin_out() {
    std::deque<Waiting> kept;
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
        if (i % 2 == 0) kept.push_back(waiting_[i]);
        else ++counts_[{waiting_[i].pid, waiting_[i].tid}].unasked;
    }
    waiting_.swap(kept);
}

// Once: from here on the report says that the source is off.
void Sampler::tell_forbidden(std::uint64_t now_ns, std::vector<Event>& events) {
    if (!query_.is_forbidden() || std::exchange(told_forbidden_, true)) return;
    events.push_back({now_ns, 0, 0,
                      SourceState{"access_sample",
                                  0,
                                  "not permitted to ask where the target's pages are: CAP_SYS_PTRACE missing",
                                  {}}});
}

// Asks for pages of the process whose sample is the newest, and its newest samples first: an answer is dated
// to when it comes, and an old one would speak of another moment. Answers how many pages.
std::size_t Sampler::ask_waiting(std::size_t most, std::vector<Event>& events) {
    const std::uint32_t pid = waiting_.back().pid;
    std::vector<Waiting> samples;
    std::deque<Waiting> others;
    std::vector<std::uint64_t> pages;
    std::ranges::reverse(waiting_); // the newest first
    for (const Waiting& sample : waiting_) {
        const bool is_known = std::ranges::find(pages, sample.address) != pages.end();
        if (sample.pid != pid || (!is_known && pages.size() >= most)) {
            others.push_front(sample);
            continue;
        }
        if (!is_known) pages.push_back(sample.address);
        samples.push_back(sample);
    }
    waiting_.swap(others);
    const auto nodes = query_.ask(Pid{pid}, pages);
    const std::uint64_t now_ns = query_.now_ns();
    tell_forbidden(now_ns, events);
    std::ranges::reverse(samples); // in the order they were taken
    for (const Waiting& sample : samples) {
        const auto at = static_cast<std::size_t>(std::ranges::find(pages, sample.address) - pages.begin());
        const Node node = nodes ? (*nodes)[at] : kNoNode;
        if (node == kNoNode) ++counts_[{sample.pid, sample.tid}].absent;
        else
            events.push_back(
                {now_ns, sample.pid, sample.tid, AccessSample{sample.address, raw(node), sample.how}});
    }
    return pages.size();
}

void Sampler::survey(Pid pid) {
    if (std::ranges::find(surveys_wanted_, pid) == surveys_wanted_.end()) surveys_wanted_.push_back(pid);
}

void Sampler::ask_survey(std::size_t most, std::vector<Event>& events) {
    if (!survey_) {
        if (surveys_wanted_.empty()) return;
        const Pid pid = surveys_wanted_.front();
        surveys_wanted_.pop_front();
        Known& known = processes_[raw(pid)];
        if (!read_mappings(raw(pid), known, query_.now_ns())) {
            processes_.erase(raw(pid));
            return;
        }
        const auto policies = options_.policies ? options_.policies(pid) : std::vector<PolicyRange>{};
        survey_.emplace(pid, ResidencySurvey(known.mappings, policies, query_.now_ns() ^ raw(pid)));
    }
    auto& [pid, survey] = *survey_;
    const auto addresses = survey.next(most);
    const auto nodes = addresses.empty() ? std::nullopt : query_.ask(pid, addresses);
    if (nodes) return survey.absorb(*nodes);
    const std::uint64_t now_ns = query_.now_ns();
    if (addresses.empty())
        for (Residency& row : survey.result(resident_pages(options_.root, pid)))
            events.push_back({now_ns, raw(pid), 0, std::move(row)});
    survey_.reset();
}

void Sampler::skip(std::uint32_t pid, std::uint32_t tid, std::uint32_t count) {
    Sampling& sums = counts_[{pid, tid}];
    sums.taken += count;
    sums.unasked += count;
}

void Sampler::pass(std::vector<Event>& events) {
    std::size_t most = query_.allowance();
    if (most == 0) return;
    if (++passes_ % kPassesASurvey == 0) return ask_survey(most, events);
    while (most > 0 && !waiting_.empty()) most -= std::min(most, ask_waiting(most, events));
    if (most > 0) ask_survey(most, events);
}

void Sampler::give_up_waiting() {
    for (const Waiting& sample : waiting_) ++counts_[{sample.pid, sample.tid}].unasked;
    waiting_.clear();
}

void Sampler::tell_counts(std::uint64_t now_ns, std::vector<Event>& events) {
    for (auto& [who, count] : counts_)
        if (count.taken + count.unasked + count.absent > 0) {
            events.push_back({now_ns, who.first, who.second, count});
            count = {};
        }
    std::erase_if(counts_, [this](const auto& entry) { return !processes_.contains(entry.first.first); });
}

void Sampler::forget(Pid pid) {
    for (const Waiting& sample : waiting_)
        if (sample.pid == raw(pid)) ++counts_[{sample.pid, sample.tid}].unasked;
    std::erase_if(waiting_, [pid](const Waiting& sample) { return sample.pid == raw(pid); });
    processes_.erase(raw(pid));
    std::erase(surveys_wanted_, pid);
    if (survey_ && survey_->first == pid) survey_.reset();
}

} // namespace numadrift::sampling
