#include "source/live/programs.h"

#include "probe/host.h"
#include "probe/topology.h"
#include "util/errno_hint.h"

#include <algorithm>
#include <array>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fmt/core.h>
#include <linux/bpf.h>
#include <set>
#include <string_view>
#include <sys/syscall.h>
#include <unistd.h>

namespace numadrift::live {
namespace {

constexpr const char* kEachPolicy = "each_policy";
constexpr const char* kEachWalk = "each_walk";
constexpr std::array kWalking = {kEachWalk, "on_user_fault", "on_kernel_fault"};

// libbpf names the guilty program only in what it prints; warnings are kept here meanwhile.
std::string& libbpf_words() {
    static std::string words;
    return words;
}

int keep_words(libbpf_print_level level, const char* format, va_list arguments) {
    if (level != LIBBPF_WARN) return 0;
    static std::array<char, std::size_t{64} << 10> line; // verifier logs are long
    const int size = std::vsnprintf(line.data(), line.size(), format, arguments);
    if (std::getenv("NUMADRIFT_DEBUG")) fmt::print(stderr, "{}", line.data());
    if (size > 0 && libbpf_words().size() < (std::size_t{1} << 20)) libbpf_words() += line.data();
    return size;
}

// "libbpf: prog 'on_rename': BPF program load failed: …": the last program complained of.
std::string guilty_program(std::string_view words) {
    constexpr std::string_view kMark = "prog '";
    const auto at = words.rfind(kMark);
    if (at == std::string_view::npos) return {};
    const auto name = words.substr(at + kMark.size());
    return std::string(name.substr(0, name.find('\'')));
}

bpf_program* find_program(const nd_skeleton& skeleton, const char* name) {
    return bpf_object__find_program_by_name(skeleton.obj, name);
}

bool is_in_fault_path(const Hook& hook) {
    return std::ranges::any_of(Programs::kSwitched,
                               [&hook](std::uint32_t kind) { return kind_name(kind) == hook.source; });
}

bool tells_origin(const Hook* hook) {
    return std::string_view(hook->covers) == kPageOrigin;
}

bool is_told_by_faults(const Choice& choice, std::string_view source) {
    return std::ranges::any_of(choice.programs, [source](const Hook* hook) {
        return hook->source == source && hook->path == Path::fallback;
    });
}

// Tracing programs have it from 5.12 on, their helper for the current task's registers came with 5.15.
bool has_task_storage(const KernelBtf& kernel) {
    return kernel.has_helper("BPF_FUNC_task_storage_get") && kernel.has_helper("BPF_FUNC_task_pt_regs");
}

// From 6.19 on task storage is allocated by kmalloc_nolock() (kernel/bpf/bpf_local_storage.c, mm/slub.c),
// which always fails on processors without cmpxchg16b: emulated ones are. By trying, on ourselves.
bool can_be_made(const bpf_map* task_states) {
    const Fd self(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
    if (!self) return true; // nobody can say
    const std::vector<char> fresh(bpf_map__value_size(task_states));
    const int key = self.get();
    if (bpf_map_update_elem(bpf_map__fd(task_states), &key, fresh.data(), BPF_ANY) != 0) return false;
    bpf_map_delete_elem(bpf_map__fd(task_states), &key);
    return true;
}

void fill_settings(nd_skeleton& skeleton, const KernelBtf& kernel, const ProgramOptions& options,
                   const Choice& choice, bool uses_task_storage) {
    nd_settings settings{};
    settings.nodes_shift = kernel.nodes_shift();
    settings.cpu_words = kernel.cpumask_words();
    settings.wake_bytes = options.wake_bytes;
    settings.has_task_storage = uses_task_storage;
    settings.has_task_regs = kernel.has_helper("BPF_FUNC_task_pt_regs");
    settings.node_ids = options.node_ids;
    settings.follows_children = options.follows_children;
    settings.knows_origin = std::ranges::any_of(choice.programs, tells_origin);
    settings.faults_tell_touches = is_told_by_faults(choice, "first_touch");
    settings.faults_tell_hints = is_told_by_faults(choice, "hint_fault");
    for (const nd_pfn_range& range : options.pfn_ranges)
        if (settings.pfn_ranges < ND_MAX_PFN_RANGES) settings.pfn_range[settings.pfn_ranges++] = range;
    skeleton.rodata->settings = settings;
}

// Two seconds of samples at the default rate, some 28 KiB a second and CPU; a power of two.
u32 samples_bytes(std::size_t cpus) {
    u32 bytes = 64 << 10;
    while (bytes < cpus * (u32{64} << 10) && bytes < u32{16} << 20) bytes *= 2;
    return bytes;
}

// All that an iterator writes.
std::string read_all(bpf_link* iterator) {
    std::string bytes;
    const Fd fd(bpf_iter_create(bpf_link__fd(iterator)));
    if (!fd) return bytes;
    char buffer[16384];
    for (;;) {
        const ssize_t got = ::read(fd.get(), buffer, sizeof buffer);
        if (got > 0) bytes.append(buffer, static_cast<std::size_t>(got));
        else if (got == 0 || (errno != EINTR && errno != EAGAIN)) break;
    }
    return bytes;
}

// Without page tables pages are asked for in the old way, and no tracepoint tells of their placement.
void exclude_walking(Excluded& excluded, const std::string& why) {
    for (const char* program : kWalking) excluded.try_emplace(program, why);
}

Error cannot_attach(const std::string& why, int error) {
    if (error == EPERM || error == EACCES)
        return {fmt::format("not permitted to load BPF programs: {}", why),
                "run as root, or grant CAP_BPF and CAP_PERFMON; numadrift doctor tells more"};
    const std::string hint = resource_hint(error);
    return {fmt::format("cannot attach: {}", why),
            !hint.empty() ? hint
                          : "numadrift needs kernel 5.10 or newer with BTF; numadrift doctor tells more"};
}

} // namespace

std::vector<nd_pfn_range> pfn_ranges(const std::string& root) {
    std::vector<nd_pfn_range> ranges;
    for (const auto& range : probe::read_pfn_ranges(root))
        ranges.push_back({range.first, range.last, raw(range.node), 0});
    return ranges;
}

std::string why_no_fentry(const KernelBtf& kernel) {
    const auto function = kernel.function("mpol_misplaced");
    const auto other = function ? function : kernel.function("handle_mm_fault");
    if (!other) return "this kernel's BTF names no functions";
    const bpf_insn body[] = {{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0}, {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
    bpf_prog_load_opts load{};
    load.sz = sizeof load;
    load.expected_attach_type = BPF_TRACE_FENTRY;
    load.attach_btf_id = static_cast<u32>(other->id);
    const Fd program(bpf_prog_load(BPF_PROG_TYPE_TRACING, "nd_probe", "GPL", body, std::size(body), &load));
    if (!program) return fmt::format("this kernel refuses fentry programs ({})", errno_text(errno));
    const Fd link(bpf_raw_tracepoint_open(nullptr, program.get()));
    if (!link) return fmt::format("this kernel cannot attach fentry programs ({})", errno_text(errno));
    return {};
}

Result<std::unique_ptr<Programs>> Programs::attach(const ProgramOptions& options) {
    // bpf_probe_read_kernel() is refused then (bpf_base_func_proto(), kernel/bpf/helpers.c), and with it, by
    // libbpf, reading user space: without samples first touches alone would tell whose memory is where, and
    // not rightly.
    if (probe::read_lockdown({}) == "confidentiality")
        return Error{
            "cannot attach: the kernel is locked down (confidentiality), no BPF program may read memory",
            "lockdown=integrity is enough for Secure Boot, and for numadrift: see the kernel's command line"};
    libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
    libbpf_set_print(keep_words);
    auto kernel = KernelBtf::load();
    if (!kernel) return kernel.error();

    const std::string refused =
        options.tracepoints_only ? "left out: --hooks tracepoint" : why_no_fentry(*kernel);
    Excluded excluded = exclude_missing(*kernel, refused);
    if (options.pfn_ranges.empty() || options.pfn_ranges.size() > ND_MAX_PFN_RANGES) {
        const char* why = "sysfs does not tell which page frames are on which node";
        excluded["on_put_back_pte"] = why;
        exclude_walking(excluded, why);
    }
    if (options.node_ids > ND_FAULT_NODES)
        excluded["each_numa_faults"] =
            fmt::format("there may be {} nodes, more than {}", options.node_ids, ND_FAULT_NODES);
    if (options.sample_hz == 0) excluded["on_sample"] = "left out: --sample-hz 0";
    // Each round loses one program at least, so this ends.
    for (;;) {
        const Choice choice = options.looks_only ? choose_looks(excluded) : choose(excluded);
        if (!choice.core_missing.empty()) return cannot_attach(choice.core_missing, 0);
        std::unique_ptr<Programs> programs(new Programs);
        const auto offender = programs->try_choice(choice, *kernel, options);
        if (!offender) {
            programs->sources_ = choice.sources;
            return programs;
        }
        const auto hook = std::find_if(hooks().begin(), hooks().end(), [&](const Hook& candidate) {
            return candidate.program == offender->program;
        });
        if (hook == hooks().end() || hook->path == Path::core || excluded.contains(offender->program))
            return cannot_attach(offender->why, offender->error);
        if (offender->program == kEachWalk) exclude_walking(excluded, offender->why);
        excluded[offender->program] = offender->why;
    }
}

std::optional<Programs::Offender> Programs::try_choice(const Choice& choice, const KernelBtf& kernel,
                                                       const ProgramOptions& options) {
    auto offender = load(choice, kernel, options, has_task_storage(kernel));
    if (!offender && has_task_storage(kernel) && !can_be_made(skeleton_->maps.task_states))
        offender = load(choice, kernel, options, false);
    if (offender) return offender;
    std::set<std::string_view> attached; // one may be for several sources
    for (const Hook* hook : choice.programs) {
        if (!attached.insert(hook->program).second) continue;
        if (auto refused = attach_program(*hook, options)) return refused;
        if (is_in_fault_path(*hook)) fault_path_.push_back(hook);
    }
    return std::nullopt;
}

std::optional<Programs::Offender> Programs::load(const Choice& choice, const KernelBtf& kernel,
                                                 const ProgramOptions& options, bool uses_task_storage) {
    libbpf_words().clear();
    skeleton_.reset(nd_skeleton__open());
    if (!skeleton_)
        return Offender{{}, fmt::format("cannot open the BPF object: {}", errno_text(errno)), errno};

    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, skeleton_->obj) bpf_program__set_autoload(program, false);
    for (const Hook* hook : choice.programs)
        bpf_program__set_autoload(find_program(*skeleton_, hook->program), true);
    fill_settings(*skeleton_, kernel, options, choice, uses_task_storage);
    bpf_map__set_autocreate(uses_task_storage ? skeleton_->maps.thread_states : skeleton_->maps.task_states,
                            false);
    bpf_map__set_max_entries(skeleton_->maps.samples, samples_bytes(options.cpus.size()));

    if (nd_skeleton__load(skeleton_.get()) != 0) {
        const int error = errno;
        const std::string guilty = guilty_program(libbpf_words());
        return Offender{
            guilty,
            fmt::format("the kernel refused {} ({})", guilty.empty() ? "a map" : guilty, errno_text(error)),
            error};
    }
    return std::nullopt;
}

std::optional<Programs::Offender> Programs::attach_program(const Hook& hook, const ProgramOptions& options) {
    if (std::string_view(hook.section) == "perf_event") return attach_clocks(hook, options);
    if (std::string_view(hook.program) == kEachWalk) return start_walking();
    if (std::string_view(hook.program) == kEachPolicy) { // attached for each question
        has_policies_ = true;
        return std::nullopt;
    }
    bpf_link* link = bpf_program__attach(find_program(*skeleton_, hook.program));
    if (!link) {
        const int error = errno;
        return Offender{hook.program,
                        fmt::format("cannot attach to {} ({})", hook.section, errno_text(error)), error};
    }
    if (std::string_view(hook.section).starts_with("iter/")) iterators_[hook.program] = link;
    else links_.push_back({&hook, link});
    return std::nullopt;
}

// A CPU that went offline meanwhile has none.
std::optional<Programs::Offender> Programs::attach_clocks(const Hook& hook, const ProgramOptions& options) {
    Clocks& clocks = clocks_.emplace(options.sample_hz);
    for (const u32 cpu : options.cpus) {
        Fd fd = clocks.open(cpu);
        const int open_error = errno;
        if (!fd && open_error == ENODEV) continue;
        bpf_link* link =
            fd ? bpf_program__attach_perf_event(find_program(*skeleton_, hook.program), fd.get()) : nullptr;
        if (!link) {
            const int error = fd ? errno : open_error;
            return Offender{hook.program,
                            fmt::format("cannot use the clock of CPU {} ({})", cpu, errno_text(error)),
                            error};
        }
        clocks.add(fd.release()); // the link closes it (bpf_link_perf_detach)
        links_.push_back({&hook, link});
    }
    return std::nullopt;
}

Programs::~Programs() {
    detach();
    for (auto& [name, link] : iterators_) bpf_link__destroy(link);
}

void Programs::detach() {
    if (clocks_) clocks_->clear();
    for (const Attached& attached : links_) bpf_link__destroy(attached.link);
    links_.clear();
}

bool Programs::is_attached(std::string_view program) const {
    return std::ranges::any_of(
        links_, [program](const Attached& attached) { return attached.hook->program == program; });
}

// In the order of the catalogue: what notes a fault comes before what relies on the note.
Status Programs::switch_fault_path(bool on) {
    if (!on) {
        std::erase_if(links_, [](const Attached& attached) {
            if (!is_in_fault_path(*attached.hook)) return false;
            bpf_link__destroy(attached.link);
            return true;
        });
        return Done{};
    }
    ++skeleton_->data_slice->fault_slice;
    end_fault_slice(1);
    for (const Hook* hook : fault_path_)
        if (const auto offender = attach_program(*hook, {})) return Error{offender->why, {}};
    return Done{};
}

Status Programs::use_ring(u32 node, int ring_fd) {
    const int fd = bpf_map__fd(skeleton_->maps.rings);
    if (bpf_map_update_elem(fd, &node, &ring_fd, BPF_ANY) != 0)
        return Error{fmt::format("cannot install the ring of node {}: {}", node, errno_text(errno)), {}};
    return Done{};
}

std::vector<nd_count> Programs::counts() const {
    std::vector<nd_count> sums(ND_KERNEL_KINDS);
    const int cpus = libbpf_num_possible_cpus();
    if (cpus <= 0) return sums;
    std::vector<nd_count> per_cpu(static_cast<std::size_t>(cpus));
    for (u32 kind = 0; kind < ND_KERNEL_KINDS; ++kind) {
        if (bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.counts), &kind, per_cpu.data()) != 0) continue;
        for (const nd_count& count : per_cpu) {
            sums[kind].emitted += count.emitted;
            sums[kind].lost += count.lost;
        }
    }
    return sums;
}

std::string Programs::read_iterator(const std::string& program) const {
    const auto link = iterators_.find(program);
    return link == iterators_.end() ? std::string() : read_all(link->second);
}

// From 6.1 on an iterator can be told which task to visit; before, it visits all mappings of the host
// and the program picks those of the process.
std::optional<std::vector<nd_vma_row>> Programs::policies(Pid pid) const {
    if (!has_policies_) return std::nullopt;
    skeleton_->data_policy->policy_pid = static_cast<int>(raw(pid));
    bpf_program* program = find_program(*skeleton_, kEachPolicy);
    bpf_iter_link_info which{};
    which.task.tid = raw(pid);
    bpf_iter_attach_opts options{};
    options.sz = sizeof options;
    options.link_info = &which;
    options.link_info_len = sizeof which;
    bpf_link* link = bpf_program__attach_iter(program, &options);
    if (!link) link = bpf_program__attach_iter(program, nullptr);
    if (!link) return std::nullopt;
    auto rows = rows_of<nd_vma_row>(read_all(link));
    bpf_link__destroy(link);
    return rows;
}

// It may not prove itself.
std::optional<Programs::Offender> Programs::start_walking() {
    const std::string why = walk_.start(find_program(*skeleton_, kEachWalk), skeleton_->data_walk->page_walk,
                                        skeleton_->data_walk->walk_query);
    if (why.empty()) return std::nullopt;
    return Offender{kEachWalk, why, 0};
}

// A full table is emptied: the code that runs now is learned again at once.
void Programs::learn(const nd_recipe_key& key, const nd_recipe& recipe) const {
    const int fd = bpf_map__fd(skeleton_->maps.recipes);
    if (bpf_map_update_elem(fd, &key, &recipe, BPF_ANY) == 0) return;
    nd_recipe_key known{};
    while (bpf_map_get_next_key(fd, nullptr, &known) == 0)
        if (bpf_map_delete_elem(fd, &known) != 0) break;
    bpf_map_update_elem(fd, &key, &recipe, BPF_ANY);
}

int Programs::samples_fd() const {
    return clocks_ && !clocks_->empty() ? bpf_map__fd(skeleton_->maps.samples) : -1;
}

Programs::RunTime Programs::run_time() const {
    RunTime sum;
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, skeleton_->obj) {
        bpf_prog_info info{};
        u32 size = sizeof info;
        const int fd = bpf_program__fd(program);
        if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) != 0) continue;
        sum.ns += info.run_time_ns;
        const char* name = bpf_program__name(program);
        if (std::ranges::any_of(fault_path_,
                                [&](const Hook* hook) { return std::strcmp(hook->program, name) == 0; }))
            sum.gated_ns += info.run_time_ns;
        sum.missed += info.recursion_misses;
    }
    return sum;
}

} // namespace numadrift::live
