// Control groups: paths, processes, and whose they are.
#include "probe/cgroup.h"

#include "temporary.h"

#include <doctest/doctest.h>

using namespace numadrift;
using namespace numadrift::probe;
using numadrift::test::Tree;

namespace {

const std::string kId(64, 'a');

} // namespace

TEST_CASE("a path tells container, pod and unit, for the runtimes there are") {
    const auto label = [](const std::string& path) { return name_of_cgroup(path).label(); };
    const std::string pod = "0a1b2c3d-1111-2222-3333-444455556666";
    const std::string pod_ = "0a1b2c3d_1111_2222_3333_444455556666";
    CHECK(label("/docker/" + kId) == "docker aaaaaaaaaaaa");
    CHECK(label("/system.slice/docker-" + kId + ".scope") == "docker aaaaaaaaaaaa");
    CHECK(label("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + pod_ +
                ".slice/cri-containerd-" + kId + ".scope") == "pod " + pod + ", containerd aaaaaaaaaaaa");
    CHECK(label("/kubepods/besteffort/pod" + pod + "/" + kId) == "pod " + pod + ", container aaaaaaaaaaaa");
    CHECK(label("/kubepods.slice/kubepods-pod" + pod_ + ".slice/crio-" + kId + ".scope/container") ==
          "pod " + pod + ", crio aaaaaaaaaaaa");
    CHECK(label("/machine.slice/libpod-" + kId + ".scope") == "podman aaaaaaaaaaaa");
    CHECK(label("/lxc.payload.web/system.slice") == "lxc web");
    CHECK(label("/system.slice/redis.service") == "redis.service");
    CHECK(label("/user.slice/user-0.slice/session-3.scope") == "session-3.scope");
    CHECK(label("/") == "");
    CHECK(label("/a/b") == "");
}

TEST_CASE("a process' cgroup is that of version 2, or the deepest of version 1") {
    Tree tree;
    tree.file("/proc/1/cgroup", "0::/system.slice/redis.service\n");
    tree.file("/proc/2/cgroup", "12:memory:/docker/abc\n4:cpu,cpuacct:/\n1:name=systemd:/docker\n");
    tree.file("/proc/3/cgroup", "5:cpuset:/lxc/a/b\n0::/\n");
    CHECK(cgroup_of(tree.root(), Pid{1}) == "/system.slice/redis.service");
    CHECK(cgroup_of(tree.root(), Pid{2}) == "/docker/abc");
    CHECK(cgroup_of(tree.root(), Pid{3}) == "/lxc/a/b");
    CHECK(cgroup_of(tree.root(), Pid{4}).empty());
}

TEST_CASE("the cpuset of a process is the effective one, of the nearest cgroup that has one") {
    Tree tree;
    tree.file("/sys/fs/cgroup/cpuset.cpus.effective", "0-7\n");
    tree.file("/sys/fs/cgroup/cpuset.mems.effective", "0-1\n");
    tree.file("/sys/fs/cgroup/pod/cpuset.cpus.effective", "2-3\n");
    tree.file("/sys/fs/cgroup/pod/cpuset.mems.effective", "1\n");
    tree.file("/sys/fs/cgroup/cpuset/lxc/cpuset.effective_cpus", "4\n");
    tree.file("/sys/fs/cgroup/cpuset/lxc/cpuset.effective_mems", "0\n");
    tree.file("/proc/1/cgroup", "0::/pod/container\n");
    tree.file("/proc/2/cgroup", "0::/\n");
    tree.file("/proc/3/cgroup", "0::/pod\n5:cpuset,cpu:/lxc/a\n");
    tree.file("/proc/4/cgroup", "0::/../pod\n");
    CHECK(cpuset_of(tree.root(), Pid{1}).cpus == "2-3");
    CHECK(cpuset_of(tree.root(), Pid{1}).mems == "1");
    CHECK(cpuset_of(tree.root(), Pid{2}).cpus == "0-7");
    CHECK(cpuset_of(tree.root(), Pid{3}).cpus == "4"); // a hierarchy of version 1 has the controller
    CHECK(cpuset_of(tree.root(), Pid{3}).mems == "0");
    CHECK(cpuset_of(tree.root(), Pid{4}).cpus.empty());
    CHECK(cpuset_of(tree.root(), Pid{5}).cpus.empty());
}

TEST_CASE("a thread has a cpuset of its own where it is in another cgroup than its process") {
    Tree tree;
    tree.file("/sys/fs/cgroup/vm/cpuset.cpus.effective", "0-7\n");
    tree.file("/sys/fs/cgroup/vm/vcpu1/cpuset.cpus.effective", "2\n");
    tree.file("/proc/1/cgroup", "0::/vm\n");
    tree.file("/proc/1/task/1/cgroup", "0::/vm\n");
    tree.file("/proc/1/task/2/cgroup", "0::/vm/vcpu1\n");
    CHECK_FALSE(own_cpuset_of(tree.root(), Pid{1}, Tid{1}));
    CHECK_FALSE(own_cpuset_of(tree.root(), Pid{1}, Tid{3}));
    const auto own = own_cpuset_of(tree.root(), Pid{1}, Tid{2});
    REQUIRE(own);
    CHECK(own->cpus == "2");
}

TEST_CASE("processes of a cgroup are those below it, too") {
    Tree tree;
    tree.file("/sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
    tree.file("/sys/fs/cgroup/app/cgroup.procs", "10\n");
    tree.file("/sys/fs/cgroup/app/workers/cgroup.procs", "12\n11\n0\n");
    tree.file("/sys/fs/cgroup/app/workers/deep/cgroup.procs", "10\n13\n");
    const auto directory = cgroup_directory(tree.root(), "app");
    REQUIRE(directory);
    CHECK(*processes_in(*directory) == std::vector<Pid>{Pid{10}, Pid{11}, Pid{12}, Pid{13}});
    CHECK(cgroup_directory(tree.root(), "/app/workers"));
    CHECK(cgroup_directory(tree.root(), tree.root() + "/sys/fs/cgroup/app"));
    CHECK(!cgroup_directory(tree.root(), "/none"));
    CHECK(!cgroup_directory(tree.root(), "/"));
    CHECK(!processes_in(tree.root() + "/sys/fs/cgroup/none"));
}

TEST_CASE("a container is found by the begin of its id, in version 1 and hybrid trees as well") {
    Tree tree;
    const std::string other = "aaaab" + std::string(59, '0');
    tree.file("/sys/fs/cgroup/memory/docker/" + kId + "/cgroup.procs", "7\n");
    tree.file("/sys/fs/cgroup/memory/docker/" + other + "/cgroup.procs", "8\n");
    tree.file("/sys/fs/cgroup/unified/x/cgroup.procs", "");
    const auto found = container_directory(tree.root(), "aaaaa");
    REQUIRE(found);
    CHECK(*processes_in(*found) == std::vector<Pid>{Pid{7}});
    const auto many = container_directory(tree.root(), "aaaa");
    REQUIRE(!many);
    CHECK(many.error().what == "2 containers begin with aaaa");
    CHECK(!container_directory(tree.root(), "ffff"));
    CHECK(!container_directory(tree.root(), ""));
}
