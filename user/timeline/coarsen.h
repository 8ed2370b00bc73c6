// Bounds how much is kept of a time line: pieces of time that follow each other, each of one kind, are
// summed up in windows. Within a window the kinds stand one after the other, each as long as it was.
//
// A piece has begin_ns, end_ns, and take_up(other), which adds the amounts of another to its own. `kind` says
// of a piece what it is of.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace numadrift {

// Neighbours of one kind become one, up to the window's length.
template <class Piece, class Kind>
std::vector<Piece> join_alike(const std::vector<Piece>& pieces, std::uint64_t window_ns, Kind kind) {
    std::vector<Piece> joined;
    for (const Piece& piece : pieces) {
        Piece* last = joined.empty() ? nullptr : &joined.back();
        if (last && std::invoke(kind, *last) == std::invoke(kind, piece) && last->end_ns == piece.begin_ns &&
            piece.end_ns - last->begin_ns <= window_ns) {
            last->end_ns = piece.end_ns;
            last->take_up(piece);
        } else joined.push_back(piece);
    }
    return joined;
}

// Each kind at most once in a window.
template <class Piece, class Kind>
std::vector<Piece> blur(const std::vector<Piece>& pieces, std::uint64_t window_ns, Kind kind) {
    std::vector<Piece> blurred;
    std::size_t window = 0; // where the present one begins in `blurred`
    for (const Piece& piece : pieces) {
        const bool follows = window < blurred.size() && blurred.back().end_ns == piece.begin_ns &&
                             piece.end_ns - blurred[window].begin_ns <= window_ns;
        if (!follows) window = blurred.size();
        const auto same = std::find_if(
            blurred.begin() + static_cast<std::ptrdiff_t>(window), blurred.end(),
            [&](const Piece& other) { return std::invoke(kind, other) == std::invoke(kind, piece); });
        if (same == blurred.end()) {
            blurred.push_back(piece);
            continue;
        }
        const std::uint64_t length_ns = piece.end_ns - piece.begin_ns;
        same->take_up(piece);
        same->end_ns += length_ns;
        for (auto later = same + 1; later != blurred.end(); ++later) {
            later->begin_ns += length_ns;
            later->end_ns += length_ns;
        }
    }
    return blurred;
}

} // namespace numadrift
