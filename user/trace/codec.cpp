#include "trace/codec.h"

#include "util/bytes.h"

#include <type_traits>
#include <zlib.h>

namespace numadrift::trace {
namespace {

std::uint32_t checksum(std::string_view bytes) {
    return static_cast<std::uint32_t>(
        crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

void put_field(std::string& out, const std::string& text) {
    put_varint(out, text.size());
    out += text;
}

template <class Number> void put_field(std::string& out, Number value) {
    if constexpr (std::is_signed_v<Number>) put_varint(out, zigzag(value));
    else put_varint(out, value);
}

void get_field(Cursor& in, std::string& text) {
    text = in.bytes(in.varint());
}

template <class Number> void get_field(Cursor& in, Number& value) {
    if constexpr (std::is_signed_v<Number>) value = static_cast<Number>(unzigzag(in.varint()));
    else value = static_cast<Number>(in.varint());
}

void put_payload(std::string& out, const Payload& payload) {
    std::visit(
        [&out](const auto& fields) {
            using Fields = std::decay_t<decltype(fields)>;
            if constexpr (!std::is_same_v<Fields, std::monostate>)
                Fields::visit_fields(fields,
                                     [&out](const char*, const auto& field) { put_field(out, field); });
        },
        payload);
}

// Fields that an older writer did not have stay at their defaults.
template <class Fields> bool get_fields(std::string_view bytes, Payload& payload) {
    Cursor in(bytes);
    auto& fields = payload.emplace<Fields>();
    Fields::visit_fields(fields, [&in](const char*, auto& field) {
        if (!in.done()) get_field(in, field);
    });
    return in.ok();
}

bool get_payload(std::uint64_t kind, std::string_view bytes, Payload& payload) {
    switch (kind) {
#define ND_DECODE(number, lower, Type)                                                                       \
    case number: return get_fields<Type>(bytes, payload);
        ND_EVENTS(ND_DECODE)
#undef ND_DECODE
    default: payload = std::monostate{}; return true;
    }
}

bool inflate_exactly(std::string_view body, std::string& raw) {
    uLongf size = raw.size();
    return uncompress(reinterpret_cast<Bytef*>(raw.data()), &size,
                      reinterpret_cast<const Bytef*>(body.data()), body.size()) == Z_OK &&
           size == raw.size();
}

} // namespace

void ChunkEncoder::add(const Event& event) {
    payload_.clear();
    put_payload(payload_, event.payload);
    put_varint(raw_, kind_of(event.payload));
    put_varint(raw_, zigzag(static_cast<std::int64_t>(event.time_ns - previous_ns_)));
    put_varint(raw_, event.pid);
    put_varint(raw_, event.tid);
    put_varint(raw_, payload_.size());
    raw_ += payload_;
    previous_ns_ = event.time_ns;
    ++events_;
}

std::string ChunkEncoder::finish(std::uint32_t sequence) {
    std::string body(compressBound(raw_.size()), '\0');
    uLongf stored = body.size();
    compress2(reinterpret_cast<Bytef*>(body.data()), &stored, reinterpret_cast<const Bytef*>(raw_.data()),
              raw_.size(), Z_BEST_SPEED);
    body.resize(stored);

    std::string chunk(kChunkMagic);
    put_u32(chunk, sequence);
    put_u32(chunk, static_cast<std::uint32_t>(raw_.size()));
    put_u32(chunk, static_cast<std::uint32_t>(body.size()));
    put_u32(chunk, events_);
    put_u32(chunk, checksum(body));
    put_u32(chunk, checksum(chunk));
    chunk += body;

    raw_.clear();
    previous_ns_ = 0;
    events_ = 0;
    return chunk;
}

bool decode_head(std::string_view bytes, ChunkHead& head) {
    if (bytes.size() < kHeadBytes || !bytes.starts_with(kChunkMagic)) return false;
    if (get_u32(bytes.data() + 24) != checksum(bytes.substr(0, 24))) return false;
    head.sequence = get_u32(bytes.data() + 4);
    head.raw_bytes = get_u32(bytes.data() + 8);
    head.stored_bytes = get_u32(bytes.data() + 12);
    head.events = get_u32(bytes.data() + 16);
    head.body_crc = get_u32(bytes.data() + 20);
    return head.raw_bytes <= kMaxRawBytes && head.stored_bytes <= compressBound(kMaxRawBytes);
}

bool decode_body(const ChunkHead& head, std::string_view body, std::vector<Event>& events,
                 std::uint64_t& unknown_events) {
    if (checksum(body) != head.body_crc) return false;
    std::string raw(head.raw_bytes, '\0');
    return inflate_exactly(body, raw) && decode_events(raw, events, unknown_events);
}

bool decode_events(std::string_view raw, std::vector<Event>& events, std::uint64_t& unknown_events) {
    const std::size_t before = events.size();
    Cursor in(raw);
    std::uint64_t time_ns = 0;
    std::uint64_t unknown = 0;
    while (!in.done()) {
        Event event;
        const std::uint64_t kind = in.varint();
        time_ns += static_cast<std::uint64_t>(unzigzag(in.varint()));
        event.time_ns = time_ns;
        event.pid = static_cast<std::uint32_t>(in.varint());
        event.tid = static_cast<std::uint32_t>(in.varint());
        const auto payload = in.bytes(in.varint());
        if (!in.ok() || !get_payload(kind, payload, event.payload)) {
            events.resize(before);
            return false;
        }
        if (event.payload.index() == 0) ++unknown;
        else events.push_back(std::move(event));
    }
    unknown_events += unknown;
    return true;
}

} // namespace numadrift::trace
