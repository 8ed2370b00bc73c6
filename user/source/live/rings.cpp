#include "source/live/rings.h"

#include "util/errno_hint.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cerrno>
#include <cstring>
#include <fmt/core.h>
#include <sys/epoll.h>

namespace numadrift::live {
namespace {

std::string to_field(const nd_comm& name) {
    return text_of(name);
}

template <class Number> Number to_field(Number value) {
    return value;
}

template <class Wire> bool read_wire(const void* data, std::size_t bytes, Wire& wire) {
    if (bytes < sizeof(nd_header) + sizeof wire) return false;
    std::memcpy(&wire, static_cast<const char*>(data) + sizeof(nd_header), sizeof wire);
    return true;
}

} // namespace

bool decode_record(const void* data, std::size_t bytes, Event& event) {
    nd_header header;
    if (bytes < sizeof header) return false;
    std::memcpy(&header, data, sizeof header);
    event.time_ns = header.time_ns;
    event.pid = header.pid;
    event.tid = header.tid;
    switch (header.kind) {
#define ND_TAKE(type, name) to_field(wire.name),
#define ND_DECODE(number, lower, Type)                                                                       \
    case number: {                                                                                           \
        nd_##lower wire;                                                                                     \
        if (!read_wire(data, bytes, wire)) return false;                                                     \
        event.payload = Type{ND_FIELDS_##lower(ND_TAKE)};                                                    \
        return true;                                                                                         \
    }
        ND_KERNEL_EVENTS(ND_DECODE)
#undef ND_DECODE
#undef ND_TAKE
    default: return false;
    }
}

Result<std::unique_ptr<Rings>> Rings::create(Programs& programs, const std::vector<u32>& nodes,
                                             u32 ring_bytes) {
    std::unique_ptr<Rings> rings(new Rings);
    rings->wakes_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
    for (const u32 node : nodes) {
        bpf_map_create_opts options{};
        options.sz = sizeof options;
        options.map_flags = BPF_F_NUMA_NODE;
        options.numa_node = node;
        Fd fd(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "nd_ring", 0, 0, ring_bytes, &options));
        if (!fd) {
            const int error = errno;
            return Error{fmt::format("cannot make a ring of {} KiB on node {}: {}", ring_bytes >> 10, node,
                                     errno_text(error)),
                         error == ENOMEM ? "try a smaller one: --ring-mib" : resource_hint(error)};
        }
        if (auto status = programs.use_ring(node, fd.get()); !status) return status.error();
        const int failed =
            rings->reader_ ? ring_buffer__add(rings->reader_, fd.get(), on_record, rings.get()) : 0;
        if (!rings->reader_) rings->reader_ = ring_buffer__new(fd.get(), on_record, rings.get(), nullptr);
        if (!rings->reader_ || failed)
            return Error{fmt::format("cannot read the ring of node {}: {}", node, errno_text(errno)), {}};
        if (!rings->also_wake_for(fd.get()))
            return Error{fmt::format("cannot wait for the ring of node {}: {}", node, errno_text(errno)), {}};
        rings->fds_.push_back(std::move(fd));
    }
    return rings;
}

Rings::~Rings() {
    ring_buffer__free(reader_);
}

int Rings::on_record(void* self, void* data, std::size_t bytes) {
    auto& rings = *static_cast<Rings*>(self);
    Event& event = rings.sink_->emplace_back();
    if (decode_record(data, bytes, event)) ++rings.received_;
    else rings.sink_->pop_back();
    return --rings.room_ == 0 ? -EAGAIN : 0; // a negative answer ends this round of reading
}

// Edge-triggered: there is always something in a busy ring, but only a wake-up is a reason to come.
void Rings::wait(std::uint64_t most_ns) const {
    epoll_event woken{};
    ::epoll_wait(wakes_.get(), &woken, 1, static_cast<int>((most_ns + 999'999) / 1'000'000));
}

bool Rings::also_wake_for(int fd) const {
    epoll_event edge{};
    edge.events = EPOLLIN | EPOLLET;
    return ::epoll_ctl(wakes_.get(), EPOLL_CTL_ADD, fd, &edge) == 0;
}

bool Rings::drain(std::vector<Event>& events, std::size_t most) {
    sink_ = &events;
    room_ = most;
    ring_buffer__consume(reader_);
    sink_ = nullptr;
    return room_ == 0;
}

} // namespace numadrift::live
