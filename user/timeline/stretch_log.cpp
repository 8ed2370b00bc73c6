#include "timeline/stretch_log.h"

#include "timeline/coarsen.h"

namespace numadrift {
namespace {

// CPU time is spread evenly over a piece: this is how far off it may be when the profile changes.
constexpr std::uint64_t kLongestJoinNs = 1'000'000'000;
constexpr std::uint64_t kFirstWindowNs = 1'000'000;

} // namespace

void StretchLog::add(Stretch stretch) {
    if (!pieces_.empty()) {
        // Without a gap, so that any two neighbours can be joined: it ran nowhere else meanwhile.
        const std::uint64_t last_ns = pieces_.back().end_ns;
        if (stretch.begin_ns > last_ns) add({last_ns, stretch.begin_ns, pieces_.back().node, 0});
        stretch.begin_ns = std::max(stretch.begin_ns, last_ns);
        stretch.end_ns = std::max(stretch.end_ns, last_ns);
        Stretch& last = pieces_.back();
        const bool both_idle = last.ran_ns == 0 && stretch.ran_ns == 0;
        const bool is_short = last.end_ns == stretch.begin_ns && stretch.end_ns - last.begin_ns <= join_ns_;
        if (last.node == stretch.node && (both_idle || is_short)) {
            last.end_ns = stretch.end_ns;
            last.ran_ns += stretch.ran_ns;
            return;
        }
    }
    pieces_.push_back(stretch);
    if (pieces_.size() >= kMost) make_room();
}

// By the windows of last time first: what was added since has not been joined by them.
void StretchLog::make_room() {
    const auto has_room = [this] { return pieces_.size() <= kMost / 2; };
    if (window_ns_ > 0) pieces_ = blur(pieces_, window_ns_, &Stretch::node);
    while (!has_room() && join_ns_ < kLongestJoinNs) {
        join_ns_ *= 2;
        pieces_ = join_alike(pieces_, join_ns_, &Stretch::node);
    }
    while (!has_room() && window_ns_ < UINT64_MAX / 4) { // at last there are gaps between all of them
        window_ns_ = window_ns_ == 0 ? kFirstWindowNs : 2 * window_ns_;
        join_ns_ = std::max(join_ns_, window_ns_);
        pieces_ = blur(pieces_, window_ns_, &Stretch::node);
    }
}

} // namespace numadrift
