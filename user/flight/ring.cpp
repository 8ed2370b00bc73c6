#include "flight/ring.h"

#include <algorithm>

namespace numadrift::flight {
namespace {

constexpr std::uint64_t kChunkNs = 1'000'000'000;

} // namespace

void Ring::add(const Event& event) {
    if (encoder_.events() == 0) first_ns_ = event.time_ns;
    first_ns_ = std::min(first_ns_, event.time_ns);
    last_ns_ = std::max(last_ns_, event.time_ns);
    encoder_.add(event);
    if (encoder_.is_full() || event.time_ns >= first_ns_ + kChunkNs) close_chunk();
}

void Ring::close_chunk() {
    if (encoder_.events() == 0) return;
    chunks_.push_back({first_ns_, last_ns_, encoder_.finish(0)});
    bytes_ += chunks_.back().bytes.size();
    while (bytes_ > limits_.bytes && chunks_.size() > 1) drop_first();
}

void Ring::drop_first() {
    trace::ChunkHead head;
    const std::string_view bytes = chunks_.front().bytes;
    std::string raw;
    if (trace::decode_head(bytes, head) && trace::inflate_body(head, bytes.substr(trace::kHeadBytes), raw)) {
        trace::ChunkDecoder decoder(raw);
        std::vector<Event> events;
        while (!decoder.done()) {
            events.clear();
            decoder.next(events, 1024);
            for (const Event& event : events) carry_.absorb(event);
        }
    }
    bytes_ -= bytes.size();
    chunks_.pop_front();
}

void Ring::pass(std::uint64_t now_ns) {
    if (encoder_.events() > 0 && now_ns >= first_ns_ + kChunkNs) close_chunk();
    while (!chunks_.empty() && chunks_.front().last_ns + limits_.length_ns < now_ns) drop_first();
}

std::uint64_t Ring::begin_ns() const {
    if (!chunks_.empty()) return chunks_.front().first_ns;
    return encoder_.events() > 0 ? first_ns_ : last_ns_;
}

// Nothing was dropped yet: the chunks begin with trace_begin themselves.
Status Ring::write(trace::Writer& writer) {
    close_chunk();
    if (carry_.begin_ns() > 0) {
        Status status = Done{};
        carry_.tell(begin_ns(), [&](Event&& event) {
            if (status) status = writer.add(event);
        });
        if (!status) return status;
    }
    for (const Chunk& chunk : chunks_)
        if (auto status = writer.add_chunk(chunk.bytes); !status) return status;
    return Done{};
}

} // namespace numadrift::flight
