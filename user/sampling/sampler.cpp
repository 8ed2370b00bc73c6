#include "sampling/sampler.h"

#include "sampling/survey.h"
#include "util/file.h"

#include <algorithm>
#include <fmt/core.h>
#include <sstream>
#include <unistd.h>
#include <utility>

namespace numadrift::sampling {
namespace {

constexpr std::uint64_t kPageMask = ~std::uint64_t{4095};
constexpr std::size_t kMostWaiting = 1024;
// An address outside all known mappings: they have changed. How soon they are read again.
constexpr std::uint64_t kReadAgainNs = 200'000'000;
constexpr std::uint64_t kReadAtLastNs = 30'000'000'000;
constexpr int kMostDraws = 4; // for a page of a mapping that is there
constexpr std::uint64_t kLineMask = ~std::uint64_t{63};
constexpr std::uint64_t kPassesASurvey = 4; // one of so many passes begins with the survey

std::uint8_t how_of(const Answer& sample) {
    if (sample.kind == Access::Kind::base) return ND_SAMPLE_base;
    if (sample.kind == Access::Kind::copy) return ND_SAMPLE_copy;
    return sample.where == Where::fault ? ND_SAMPLE_fault : ND_SAMPLE_exact;
}

bool is_of_kernel(const Answer& sample) {
    return sample.kind == Access::Kind::copy && !nd_is_user(sample.address);
}

} // namespace

Sampler::Sampler(SamplerOptions options)
    : options_(std::move(options)), query_(options_.ask ? PageQuery(options_.ask) : PageQuery()),
      decoder_(options_.learned) {}

Sampler::Sampler(SamplerOptions options, PageQuery query)
    : options_(std::move(options)), query_(std::move(query)), decoder_(options_.learned) {}

std::uint64_t Sampler::Waiting::page() const {
    return address & kPageMask;
}

// Of all mappings, of code and of data (/proc/PID/statm): no lock is taken for them. Empty: the process is
// gone.
std::string Sampler::sizes_of(std::uint32_t pid) const {
    const auto text = read_file(fmt::format("{}/proc/{}/statm", options_.root, pid));
    if (!text) return {};
    std::istringstream words(*text);
    std::string size, resident, shared, code, unused, data;
    words >> size >> resident >> shared >> code >> unused >> data;
    return fmt::format("{} {} {}", size, code, data);
}

// Reading holds the mmap lock too, and is paid for like a question. False: the process is gone.
bool Sampler::read_mappings(std::uint32_t pid, Known& known, std::uint64_t now_ns) {
    const PageQuery::Spent begin = query_.now();
    known.sizes = sizes_of(pid);
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

// Samples of no use to anybody are counted as what they are. The end of a copy in the kernel's own memory is
// in no mapping; of a process that is gone there are none any more: then the page itself must do.
bool Sampler::is_data(const Answer& sample, Sampling& count) {
    if (sample.kind == Access::Kind::opaque) {
        ++(sample.where == Where::kernel ? count.in_kernel : count.opaque);
        return false;
    }
    if (sample.kind == Access::Kind::own || sample.is_code) {
        ++count.own;
        return false;
    }
    if (is_of_kernel(sample)) return true;
    const Mapping* mapping = mapping_of(sample.pid, sample.address, sample.time_ns);
    if (mapping && (!mapping->holds_data() || mapping->kind == MappingKind::stack)) ++count.own;
    else if (!mapping && sample.node == kNoNode) ++count.opaque; // what was taken for an address is none
    else return true;
    return false;
}

void Sampler::take(const RawSample& sample) {
    Sampling& count = counts_[{sample.pid, sample.tid}];
    ++count.taken;
    const Access access = decoder_.decode(sample);
    const Answer known{sample.time_ns, sample.pid, sample.tid, access.address, access.kind, sample.where};
    if (!is_data(known, count)) return;
    if (is_of_kernel(known)) ++count.in_kernel; // move_pages knows nothing of it
    else wait_for(known);
}

void Sampler::wait_for(const Answer& known) {
    Waiting sample{known.time_ns, known.pid, known.tid, known.address, how_of(known), kMostDraws};
    if (sample.how == ND_SAMPLE_base) draw(sample);
    waiting_.push_back(sample);
    if (waiting_.size() > kMostWaiting) thin_out();
}

// Only the base of an address is known: any page of its mapping may have been used, and all together are
// where the mapping is.
void Sampler::draw(Waiting& sample) {
    const Mapping* mapping = processes_[sample.pid].mappings.find(sample.address);
    if (!mapping) return;
    sample.address = mapping->begin + random_() % (mapping->end - mapping->begin);
    --sample.draws_left;
}

void Sampler::take(const Answer& answer, std::vector<Event>& events) {
    Sampling& count = counts_[{answer.pid, answer.tid}];
    ++count.taken;
    if (!is_data(answer, count)) return;
    if (answer.kind == Access::Kind::base) return wait_for(answer);
    if (answer.node != kNoNode)
        events.push_back({answer.time_ns, answer.pid, answer.tid,
                          AccessSample{answer.address & kLineMask, raw(answer.node), how_of(answer)}});
    else ++(answer.is_unreadable ? count.unasked : is_of_kernel(answer) ? count.in_kernel : count.absent);
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

// Asks for pages of the process whose sample is the newest, and its newest samples first: the later a page is
// asked for, the less its answer says of the moment of the sample. Answers how many pages.
std::size_t Sampler::ask_waiting(std::size_t most, std::vector<Event>& events) {
    const std::uint32_t pid = waiting_.back().pid;
    std::vector<Waiting> samples;
    std::deque<Waiting> others;
    std::vector<std::uint64_t> pages;
    std::ranges::reverse(waiting_); // the newest first
    for (const Waiting& sample : waiting_) {
        const bool is_known = std::ranges::find(pages, sample.page()) != pages.end();
        if (sample.pid != pid || (!is_known && pages.size() >= most)) {
            others.push_front(sample);
            continue;
        }
        if (!is_known) pages.push_back(sample.page());
        samples.push_back(sample);
    }
    waiting_.swap(others);
    const auto nodes = query_.ask(Pid{pid}, pages);
    tell_forbidden(query_.now_ns(), events);
    std::ranges::reverse(samples); // in the order they were taken
    for (Waiting& sample : samples) {
        const auto at = static_cast<std::size_t>(std::ranges::find(pages, sample.page()) - pages.begin());
        const Node node = nodes ? (*nodes)[at] : kNoNode;
        if (nodes && node == kNoNode && sample.how == ND_SAMPLE_base && sample.draws_left > 0) {
            draw(sample);
            waiting_.push_front(sample);
        } else if (node == kNoNode) ++counts_[{sample.pid, sample.tid}].absent;
        else
            events.push_back({sample.time_ns, sample.pid, sample.tid,
                              AccessSample{sample.address & kLineMask, raw(node), sample.how}});
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
        const std::string sizes = sizes_of(raw(pid));
        // Others in the place of as large ones are read when a sample is of them.
        const bool is_known = known.read_ns > 0 && !sizes.empty() && sizes == known.sizes;
        if (!is_known && !read_mappings(raw(pid), known, query_.now_ns())) {
            processes_.erase(raw(pid));
            return;
        }
        const std::uint64_t seed = query_.now_ns() ^ raw(pid);
        survey_.emplace(pid, begin_survey(options_, pid, known.mappings, seed, query_));
    }
    auto& [pid, survey] = *survey_;
    const auto addresses = survey.next(most);
    const auto nodes = addresses.empty() ? std::nullopt : query_.ask(pid, addresses);
    if (nodes) return survey.absorb(*nodes, options_.pinned ? options_.pinned() : std::vector<bool>());
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
