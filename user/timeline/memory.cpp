// Timeline, the part that follows memory: pages, the samples of them, and who uses them.
#include "timeline/timeline.h"

#include "util/kernel_words.h"

#include "numadrift/recipe.h"

#include <algorithm>
#include <utility>

namespace numadrift {
namespace {

constexpr std::uint64_t kPageBytes = PageMap::kPageBytes;
constexpr std::uint64_t kBlockBytes = kPageBytes * PageMap::kPagesPerBlock;
constexpr std::uint32_t kMostPagesAnEvent = 1u << 18; // 1 GiB pages; more is a damaged number
constexpr std::uint32_t kPagesAHugePage = 512;
constexpr std::uint64_t kMostFaults = std::uint64_t{1} << 48; // more is a damaged number too
constexpr std::uint64_t kPageMoveMergeNs = 100'000'000;
constexpr std::uint64_t kFirstLookNs = 1'000'000'000;
constexpr std::uint32_t kMigrateFail = 0x10; // TNF_MIGRATE_FAIL (kernel/sched/sched.h, 5.10 to 7.2)
constexpr std::size_t kPruneSamples = 1024;  // of one page
constexpr std::size_t kMostSurveyRows = 4096;

bool is_node(std::int32_t id) {
    return id >= 0 && id < Topology::kMostNodes;
}

} // namespace

// Of an event: as told, but for damaged numbers. Events of more than a huge page are few (hugetlb pages of 1
// GiB, their moves); only a hostile trace has more of them than memory has pages.
std::uint32_t Timeline::pages_of(std::uint32_t told) {
    if (told <= kPagesAHugePage) return told;
    const std::uint32_t pages = std::min(told, kMostPagesAnEvent);
    if (wide_pages_left_ < pages) return kPagesAHugePage;
    wide_pages_left_ -= pages;
    return pages;
}

void Timeline::forget_pages(Pid pid) {
    sampled_.erase(pid);
    const auto found = pages_.find(pid);
    if (found == pages_.end()) return;
    page_budget.blocks_left += found->second.blocks();
    pages_.erase(found);
}

void Timeline::move_weight(const Page& page, std::uint64_t pages, Node to, std::uint64_t time_ns,
                           bool by_page_move) {
    const auto weight = static_cast<std::int64_t>(pages << page.shift);
    for (const std::uint32_t user : users_.members(page.users)) {
        WeightLog& weights = tracks_[user].weights;
        weights.add(time_ns, page.node, -weight, by_page_move);
        if (to != kNoNode) weights.add(time_ns, to, weight, by_page_move);
    }
}

// The samples of a page go where it goes. Answers where it was, kNoNode if it was not known or is there
// still.
Node Timeline::move_samples(Pid pid, std::uint64_t address, Node to, std::uint64_t time_ns) {
    const auto process = sampled_.find(pid);
    if (process == sampled_.end()) return kNoNode;
    const auto page = process->second.pages.find(address / kPageBytes);
    if (page == process->second.pages.end() || page->second.node == to) return kNoNode;
    const Node from = std::exchange(page->second.node, to);
    page->second.since_ns = time_ns;
    forget_past_samples(page->second);
    for (const auto& [track, sample] : page->second.samples) {
        if (sample_moves_left_ == 0) break; // only a hostile trace has so many
        --sample_moves_left_;
        tracks_[track].samples.moved(sample, time_ns, to);
    }
    return from;
}

void Timeline::forget_past_samples(SampledPage& page) const {
    std::erase_if(page.samples,
                  [this](const auto& entry) { return tracks_[entry.first].samples.is_past(entry.second); });
}

void Timeline::on(const Event& event, const AccessSample& fields) {
    const auto index = sampled_track(event);
    if (!index || !is_node(fields.node)) return;
    const std::uint64_t now_ns = since_begin(event.time_ns);
    const Node node{fields.node};
    const Pid pid{event.pid};
    const bool is_exact = fields.how == ND_SAMPLE_exact || fields.how == ND_SAMPLE_copy;
    const bool is_page = fields.how != ND_SAMPLE_base; // else only near it
    // Found elsewhere than before, and no event said so: KSM, khugepaged, a source that is off.
    if (const Node from = move_samples(pid, fields.address, node, now_ns); from != kNoNode)
        count_page_move(now_ns, from, node, ND_REASON_unknown, 1);
    Samples& samples = sampled_[pid];
    const auto [entry, is_new] = samples.pages.try_emplace(fields.address / kPageBytes);
    if (is_new)
        samples.in_block[fields.address / kBlockBytes].set(fields.address / kPageBytes %
                                                           PageMap::kPagesPerBlock);
    SampledPage& page = entry->second;
    page.node = node;
    std::uint64_t since_ns = page.since_ns;
    bool has_moved = since_ns > 0;
    if (const auto map = pages_.find(pid); map != pages_.end()) {
        Page known = map->second.get(fields.address);
        if (known.node != kNoNode && known.node != node && is_page) { // a move nobody told of
            move_weight(known, 1, node, now_ns, true);
            known = {node, now_ns, known.users, known.shift, true};
            map->second.set(fields.address, known, page_budget);
        }
        if (known.node == node && known.since_ns > since_ns) {
            since_ns = known.since_ns;
            has_moved = known.has_moved;
        }
    }
    ThreadTrack& track = tracks_[*index];
    const std::uint64_t line = fields.address / SampleLog::kLineBytes;
    const std::int64_t weight = is_exact ? SampleLog::kExact : SampleLog::kWeak;
    const std::uint32_t sample = track.samples.add(now_ns, line, node, since_ns, has_moved, weight);
    ++(is_exact ? track.samples_exact : track.samples_weak);
    const bool is_cached = fields.how == ND_SAMPLE_copy && !nd_is_user(fields.address);
    if (is_cached) ++track.samples_cached[node];
    track.pages_sampled.add(fields.address / kPageBytes);
    const bool has_voted = page.voted_line == line && now_ns < page.voted_ns + SampleLog::kAroundNs;
    if (const auto cpu = live_[*index].cpu; cpu && !has_voted) {
        track.votes[{place_of(*cpu).node, node}] += weight;
        page.voted_line = line;
        page.voted_ns = now_ns;
    }
    if (page.samples.size() >= kPruneSamples) forget_past_samples(page);
    page.samples.emplace_back(*index, sample);
    if (samples.pages.size() >= samples.most_pages) forget_past_pages(samples);
}

// Pages no sample of which says anything of later times.
void Timeline::forget_past_pages(Samples& samples) const {
    for (auto page = samples.pages.begin(); page != samples.pages.end();) {
        forget_past_samples(page->second);
        if (!page->second.samples.empty()) {
            ++page;
            continue;
        }
        const auto block = samples.in_block.find(page->first / PageMap::kPagesPerBlock);
        block->second.reset(page->first % PageMap::kPagesPerBlock);
        if (block->second.none()) samples.in_block.erase(block);
        page = samples.pages.erase(page);
    }
    samples.most_pages = std::max(kMostSampledPages, 2 * samples.pages.size());
}

void Timeline::on(const Event& event, const Sampling& fields) {
    auto index = known_track(event);
    if (!index) index = ended_.find(event.tid); // told now and then, the last time after the thread's end
    if (!index || raw(tracks_[*index].pid) != event.pid) return;
    Sampling& sums = tracks_[*index].sampling;
    sums.taken += fields.taken;
    sums.in_kernel += fields.in_kernel;
    sums.opaque += fields.opaque;
    sums.own += fields.own;
    sums.absent += fields.absent;
    sums.unasked += fields.unasked;
}

// A level, not a step. What the kernel had counted when the thread was first looked at, it had
// before.
void Timeline::on(const Event& event, const KernelFaults& fields) {
    const auto index = known_track(event);
    if (!index || !is_node(fields.node) || fields.pages > kMostFaults) return;
    const std::uint64_t now_ns = since_begin(event.time_ns);
    ThreadTrack& track = tracks_[*index];
    const std::int64_t before = track.kernel.sum(Node{fields.node});
    const bool is_first = now_ns - track.begin_ns < kFirstLookNs;
    track.kernel.add(is_first ? track.begin_ns : now_ns, Node{fields.node},
                     static_cast<std::int64_t>(fields.pages) - before);
    track.preferred_node = fields.preferred_node;
}

// Rows of one survey have one time. The first survey stands for the time before it.
void Timeline::on(const Event& event, const Residency& fields) {
    if (!is_node(fields.node) || fields.pages > kMostFaults) return;
    const std::uint64_t now_ns = since_begin(event.time_ns);
    const Pid pid{event.pid};
    ResidencyRecord& record = residency[pid];
    const bool is_first = record.rows.empty();
    WeightLog& weights = process_weights.try_emplace(pid, Evidence::process).first->second;
    if (!is_first && record.time_ns != now_ns) {
        weights.clear_at(now_ns);
        record.rows.clear();
        surveyed_again_.insert(pid);
    }
    record.time_ns = now_ns;
    if (record.rows.size() >= kMostSurveyRows) return;
    record.rows.push_back(fields);
    record.rows.back().pinned = std::min(fields.pinned, fields.pages);
    if (fields.mapping != "text")
        weights.add(surveyed_again_.contains(pid) ? now_ns : 0, Node{fields.node},
                    static_cast<std::int64_t>(fields.pages));
}

void Timeline::on(const Event& event, const Limits& fields) {
    const auto index = known_track(event);
    if (index) tracks_[*index].limits.push_back({since_begin(event.time_ns), fields});
}

// The sampled pages among these, in the order of address.
std::vector<std::uint64_t> Timeline::sampled_among(Pid pid, std::uint64_t address,
                                                   std::uint64_t pages) const {
    std::vector<std::uint64_t> found;
    const auto process = sampled_.find(pid);
    if (process == sampled_.end()) return found;
    const std::uint64_t beyond = address / kPageBytes + pages;
    for (std::uint64_t number = address / kPageBytes; number < beyond;) {
        const std::uint64_t next =
            std::min(beyond, (number / PageMap::kPagesPerBlock + 1) * PageMap::kPagesPerBlock);
        const auto block = process->second.in_block.find(number / PageMap::kPagesPerBlock);
        for (; block != process->second.in_block.end() && number < next; ++number)
            if (block->second.test(number % PageMap::kPagesPerBlock)) found.push_back(number * kPageBytes);
        number = next;
    }
    return found;
}

// Another page from now on: what was sampled of the old one stays as it was.
void Timeline::forget_samples(Pid pid, std::uint64_t address, std::uint64_t pages) {
    for (const std::uint64_t page : sampled_among(pid, address, pages)) {
        Samples& samples = sampled_[pid];
        samples.pages.erase(page / kPageBytes);
        const auto block = samples.in_block.find(page / kBlockBytes);
        block->second.reset(page / kPageBytes % PageMap::kPagesPerBlock);
        if (block->second.none()) samples.in_block.erase(block);
    }
}

// The kernel has put other pages in their place: what was sampled is there now. Pages that first touches or
// hint faults told of are counted with these.
void Timeline::take_samples_along(Pid pid, std::uint64_t address, std::uint64_t pages, Node to,
                                  std::uint64_t time_ns, std::uint8_t reason) {
    for (const std::uint64_t page : sampled_among(pid, address, pages)) {
        const Node from = move_samples(pid, page, to, time_ns);
        const auto map = pages_.find(pid);
        const bool is_counted = map != pages_.end() && map->second.get(page).node != kNoNode;
        if (from != kNoNode && !is_counted) count_page_move(time_ns, from, to, reason, 1);
    }
}

void Timeline::on(const Event& event, const FirstTouch& fields) {
    if (!is_node(fields.node)) return;
    const std::uint64_t now_ns = since_begin(event.time_ns);
    const Node node{fields.node};
    const std::uint32_t pages = pages_of(fields.pages);
    // Without a thread of the process (khugepaged, process_vm_writev) the users stay who they were.
    const bool by_thread = event.tid != 0;
    const std::uint32_t index = by_thread ? track_of(event) : 0;
    const bool is_copy = by_thread && live_[index].copies_left > 0;
    const UserSets::Id toucher = by_thread && !is_copy ? users_.only(index) : UserSets::kNobody;
    const std::uint8_t shift = shift_of(ND_EVENT_first_touch);
    const Page fresh{node, now_ns, toucher, shift, false};
    const bool is_huge = pages == kPagesAHugePage && fields.address % (kPagesAHugePage * kPageBytes) == 0;
    const std::uint8_t reason =
        is_huge ? ND_REASON_collapse : ND_REASON_unknown; // if it was elsewhere before

    const auto touch = [&](Page old, std::uint64_t, std::uint64_t count) -> Page {
        // Told late (the run was long open): the page has come to another place since. Times in a
        // map are to the millisecond.
        const bool is_late =
            old.since_ns > now_ns || (old.node != node && old.since_ns / 1'000'000 == now_ns / 1'000'000);
        if (by_thread && old.node != kNoNode && is_late) {
            const bool moved = old.users == UserSets::kNobody;
            move_weight(fresh, count, moved ? old.node : kNoNode, std::max(old.since_ns, now_ns), moved);
            return moved ? Page{old.node, old.since_ns, toucher, shift, old.has_moved} : old;
        }
        if (old.node != kNoNode) move_weight(old, count, by_thread ? kNoNode : node, now_ns, !by_thread);
        if (old.node != kNoNode && old.node != node && !by_thread)
            count_page_move(now_ns, old.node, node, reason, count);
        return by_thread ? fresh : Page{node, now_ns, old.users, old.shift, true};
    };
    if (by_thread) forget_samples(Pid{event.pid}, fields.address, pages);
    else take_samples_along(Pid{event.pid}, fields.address, pages, node, now_ns, reason);
    pages_[Pid{event.pid}].change(fields.address, pages, page_budget, touch);
    if (!by_thread) return;
    ThreadTrack& track = tracks_[index];
    track.samples.hear(now_ns);
    track.touched_pages[node] += std::uint64_t{pages} << shift;
    if (is_copy) {
        std::uint64_t& left = live_[index].copies_left;
        left -= std::min(left, std::uint64_t{pages} << shift);
        return;
    }
    track.weights.add(now_ns, node, std::int64_t{pages} << shift);
    track.evidence_touched += pages;
}

void Timeline::on(const Event& event, const HintFault& fields) {
    if (event.tid == 0 || !is_node(fields.page_node)) return;
    const std::uint64_t now_ns = since_begin(event.time_ns);
    const Node node{fields.page_node};
    const std::uint32_t pages = pages_of(fields.pages);
    const std::uint32_t index = track_of(event);
    ThreadTrack& track = tracks_[index];
    const std::uint8_t shift = shift_of(ND_EVENT_hint_fault);
    const auto use = [&](Page page, std::uint64_t, std::uint64_t count) -> Page {
        if (page.node == kNoNode) page = {node, 0, UserSets::kNobody, shift, false}; // there before the trace
        if (page.node != node) {                                                     // a move nobody told of
            move_weight(page, count, node, now_ns, true);
            page.node = node;
            page.since_ns = now_ns;
            page.has_moved = true;
        }
        const UserSets::Id users = users_.with(page.users, index);
        if (users != page.users) {
            track.weights.add(page.since_ns, node, static_cast<std::int64_t>(count << page.shift));
            track.evidence_hinted += count;
            page.users = users;
        }
        return page;
    };
    pages_[Pid{event.pid}].change(fields.address, pages, page_budget, use);
    track.samples.hear(now_ns);
    track.hinted_pages[node] += std::uint64_t{pages} << shift;
    if ((fields.flags & kMigrateFail) == 0) return;
    if (track.failed_moves.empty() || now_ns > track.failed_moves.back().time_ns + kPageMoveMergeNs)
        track.failed_moves.push_back({now_ns, 0});
    track.failed_moves.back().pages += pages;
}

void Timeline::on(const Event& event, const PageMove& fields) {
    const std::uint64_t now_ns = since_begin(event.time_ns);
    const Node to = is_node(fields.to_node) ? Node{fields.to_node} : kNoNode;
    const std::uint32_t pages = pages_of(fields.pages);
    Node from = is_node(fields.from_node) ? Node{fields.from_node} : kNoNode;
    const auto move = [&](Page old, std::uint64_t, std::uint64_t count) -> Page {
        if (from == kNoNode) from = old.node;
        if (old.node != kNoNode && old.node != to) move_weight(old, count, to, now_ns, true);
        return to == kNoNode ? old : Page{to, now_ns, old.users, old.shift, true};
    };
    pages_[Pid{event.pid}].change(fields.address, pages, page_budget, move);
    if (to != kNoNode)
        for (const std::uint64_t address : sampled_among(Pid{event.pid}, fields.address, pages)) {
            const Node sampled = move_samples(Pid{event.pid}, address, to, now_ns);
            if (from == kNoNode) from = sampled;
        }
    // Equal pages are merged on one node as well, which moves nothing.
    const bool is_perhaps_none = fields.reason == ND_REASON_ksm && from == kNoNode;
    if (from != to && !is_perhaps_none) count_page_move(now_ns, from, to, fields.reason, pages);
}

void Timeline::count_page_move(std::uint64_t time_ns, Node from, Node to, std::uint8_t reason,
                               std::uint64_t pages) {
    const auto is_alike = [&](const PageMoveRecord& record) {
        return record.from == from && record.to == to && record.reason == reason;
    };
    const auto is_old = [&](const PageMoveRecord& record) {
        return time_ns > record.begin_ns + kPageMoveMergeNs;
    };
    // Among the last few only: a hostile trace could make the search long.
    const auto last =
        page_moves.rbegin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(page_moves.size(), 16));
    const auto found = std::find_if(page_moves.rbegin(), last, [&](const PageMoveRecord& record) {
        return is_old(record) || is_alike(record);
    });
    if (found != last && !is_old(*found)) found->pages += pages;
    else page_moves.push_back({time_ns, from, to, reason, pages});
}

} // namespace numadrift
