#include "trace/codec.h"

#include <algorithm>
#include <array>
#include <type_traits>
#include <zlib.h>

namespace numadrift::trace {
namespace {

std::uint32_t checksum(std::string_view bytes) {
    return static_cast<std::uint32_t>(
        crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

// Negative numbers are written as such: sign-extended, so that differences are small.
template <class Number> std::uint64_t widened(Number value) {
    if constexpr (std::is_signed_v<Number>) return static_cast<std::uint64_t>(std::int64_t{value});
    else return value;
}

// How many fields an event of this kind has that this version knows; 0 for an unknown kind.
std::size_t known_fields(std::uint64_t kind) {
    static constexpr auto kFields = [] {
        std::array<std::uint8_t, 64> fields{};
#define ND_ONE(type, name) +1
#define ND_COUNT(number, lower, Type) fields.at(number) = 0 ND_FIELDS_##lower(ND_ONE);
        ND_EVENTS(ND_COUNT)
#undef ND_COUNT
#undef ND_ONE
        return fields;
    }();
    return kind < kFields.size() ? kFields.at(kind) : 0;
}

} // namespace

// ---- writing ----

std::uint64_t ChunkEncoder::number_of(const std::string& text) {
    const auto [entry, is_new] = text_numbers_.try_emplace(text.substr(0, kMaxTextBytes), texts_.size());
    if (is_new) {
        texts_.push_back(entry->first);
        text_bytes_ += entry->first.size();
    }
    return entry->second;
}

void ChunkEncoder::add(const Event& event) {
    const std::uint32_t number = kind_of(event.payload);
    const std::uint64_t who = std::uint64_t{event.pid} << 32 | event.tid;
    const auto [entry, is_new] =
        thread_numbers_.try_emplace(who, static_cast<std::uint32_t>(threads_.size()));
    if (is_new) threads_.emplace_back(event.pid, event.tid);
    const std::uint32_t thread = entry->second;
    times_.push_back(event.time_ns);
    event_kinds_.push_back(number);
    event_threads_.push_back(thread);
    Kind& kind = kinds_[number];
    kind.threads.push_back(thread);
    kind.columns.resize(known_fields(number));
    std::visit(
        [&](const auto& fields) {
            using Fields = std::decay_t<decltype(fields)>;
            if constexpr (!std::is_same_v<Fields, std::monostate>) {
                auto column = kind.columns.begin();
                Fields::visit_fields(fields, [&](const char*, const auto& field) {
                    if constexpr (std::is_same_v<std::decay_t<decltype(field)>, std::string>)
                        (column++)->push_back(number_of(field));
                    else (column++)->push_back(widened(field));
                });
            }
        },
        event.payload);
}

std::string ChunkEncoder::raw() const {
    std::string raw;
    raw.reserve(8 * times_.size());
    put_varint(raw, threads_.size());
    for (const auto& [pid, tid] : threads_) {
        put_varint(raw, pid);
        put_varint(raw, tid);
    }
    put_varint(raw, texts_.size());
    for (const std::string& text : texts_) {
        put_varint(raw, text.size());
        raw += text;
    }
    const std::vector<std::uint64_t> threads(event_threads_.begin(), event_threads_.end());
    put_varint(raw, kinds_.size());
    for (const auto& [number, kind] : kinds_) {
        put_varint(raw, number);
        put_varint(raw, kind.columns.size());
        for (const auto& column : kind.columns) put_column(raw, column, kind.threads, threads_.size());
    }
    put_varint(raw, times_.size());
    put_column(raw, event_kinds_, event_threads_, threads_.size());
    put_column(raw, threads, std::vector<std::uint32_t>(threads.size()), 1); // tells the thread itself
    put_column(raw, times_, event_threads_, threads_.size());
    return raw;
}

std::string ChunkEncoder::finish(std::uint32_t sequence) {
    const std::string inside = raw();
    std::string body(compressBound(inside.size()), '\0');
    uLongf stored = body.size();
    compress2(reinterpret_cast<Bytef*>(body.data()), &stored, reinterpret_cast<const Bytef*>(inside.data()),
              inside.size(), Z_BEST_SPEED);
    body.resize(stored);

    std::string chunk(kChunkMagic);
    put_u32(chunk, sequence);
    put_u32(chunk, static_cast<std::uint32_t>(inside.size()));
    put_u32(chunk, static_cast<std::uint32_t>(body.size()));
    put_u32(chunk, events());
    put_u32(chunk, checksum(body));
    put_u32(chunk, checksum(chunk));
    chunk += body;
    *this = {};
    return chunk;
}

void renumber(std::string& chunk, std::uint32_t sequence) {
    std::string head;
    put_u32(head, sequence);
    chunk.replace(4, 4, head);
    head.clear();
    put_u32(head, checksum(std::string_view(chunk).substr(0, 24)));
    chunk.replace(24, 4, head);
}

// ---- reading ----

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

bool inflate_body(const ChunkHead& head, std::string_view body, std::string& raw) {
    if (checksum(body) != head.body_crc) return false;
    raw.resize(head.raw_bytes);
    uLongf size = raw.size();
    return uncompress(reinterpret_cast<Bytef*>(raw.data()), &size,
                      reinterpret_cast<const Bytef*>(body.data()), body.size()) == Z_OK &&
           size == raw.size();
}

ChunkDecoder::ChunkDecoder(std::string_view raw) {
    Cursor in(raw);
    ok_ = read_dictionaries(in) && read_kinds(in);
    left_ = ok_ ? in.varint() : 0;
    event_kinds_ = Column(in, threads_.size());
    event_threads_ = Column(in, 1);
    times_ = Column(in, threads_.size());
    ok_ = ok_ && in.ok() && event_kinds_.ok() && event_threads_.ok() && times_.ok() && left_ <= kMaxEvents;
    if (!ok_) left_ = 0;
}

bool ChunkDecoder::read_dictionaries(Cursor& in) {
    const std::uint64_t threads = in.varint();
    if (threads > kMaxEvents) return false;
    for (std::uint64_t i = 0; i < threads && in.ok(); ++i) {
        const auto pid = static_cast<std::uint32_t>(in.varint());
        threads_.emplace_back(pid, static_cast<std::uint32_t>(in.varint()));
    }
    const std::uint64_t texts = in.varint();
    for (std::uint64_t i = 0; i < texts && in.ok(); ++i)
        if (texts_.emplace_back(in.bytes(in.varint())).size() > kMaxTextBytes) return false;
    return in.ok();
}

// Columns of kinds and fields this version does not know are passed over.
bool ChunkDecoder::read_kinds(Cursor& in) {
    const std::uint64_t count = in.varint();
    for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
        const std::uint64_t number = in.varint();
        const bool is_there =
            std::ranges::any_of(kinds_, [number](const Kind& kind) { return kind.number == number; });
        const std::uint64_t fields = in.varint();
        const std::size_t known = known_fields(number);
        if (is_there) return false;
        Kind kind{number, {}};
        for (std::uint64_t field = 0; field < fields && in.ok(); ++field) {
            if (field >= known) {
                in.bytes(in.varint());
                continue;
            }
            if (!kind.columns.emplace_back(in, threads_.size()).ok()) return false;
        }
        kind.columns.resize(known);
        if (known > 0) kinds_.push_back(std::move(kind));
    }
    return in.ok();
}

bool ChunkDecoder::take(Column& column, std::uint32_t thread, std::string& text) {
    if (column.is_absent()) return true;
    const std::uint64_t number = column.next(thread);
    if (number >= texts_.size()) return false;
    text = texts_[number];
    work_ += text.size() / kTextBytesAWork;
    return column.ok();
}

template <class Number> bool ChunkDecoder::take(Column& column, std::uint32_t thread, Number& value) {
    value = static_cast<Number>(column.next(thread));
    return column.ok();
}

template <class Fields> bool ChunkDecoder::read_fields(Kind& kind, std::uint32_t thread, Payload& payload) {
    auto& fields = payload.emplace<Fields>();
    auto column = kind.columns.begin();
    bool ok = true;
    Fields::visit_fields(fields, [&](const char*, auto& field) { ok &= take(*column++, thread, field); });
    return ok;
}

bool ChunkDecoder::read_payload(Kind& kind, std::uint32_t thread, Payload& payload) {
    switch (kind.number) {
#define ND_DECODE(number, lower, Type)                                                                       \
    case number: return read_fields<Type>(kind, thread, payload);
        ND_EVENTS(ND_DECODE)
#undef ND_DECODE
    default: return false;
    }
}

bool ChunkDecoder::read_event(std::vector<Event>& events) {
    const auto thread = static_cast<std::uint32_t>(event_threads_.next(0));
    if (thread >= threads_.size()) return false;
    const std::uint64_t number = event_kinds_.next(thread);
    const std::uint64_t time_ns = times_.next(thread);
    if (!event_kinds_.ok() || !event_threads_.ok() || !times_.ok()) return false;
    const auto kind = std::ranges::find(kinds_, number, &Kind::number);
    if (kind == kinds_.end()) return true; // of a later version
    Event& event = events.emplace_back();
    event.time_ns = time_ns;
    event.pid = threads_[thread].first;
    event.tid = threads_[thread].second;
    if (read_payload(*kind, thread, event.payload)) return true;
    events.pop_back();
    return false;
}

void ChunkDecoder::next(std::vector<Event>& events, std::size_t most) {
    for (; most > 0 && left_ > 0; --most) {
        ++work_;
        ok_ = read_event(events);
        left_ = ok_ ? left_ - 1 : 0;
    }
}

} // namespace numadrift::trace
