// Package components holds the command lines and the configuration of every program of a cluster.
// Everything is a pure function of the cluster's layout and options; Write saves the result.
package components

import (
	"fmt"

	"gatewright.dev/e2e/cluster/internal/layout"
)

// Names of the supervised programs.
const (
	Containerd        = "containerd"
	Etcd              = "etcd"
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
	Scheduler         = "kube-scheduler"
	Kubelet           = "kubelet"
	Proxy             = "kube-proxy"
)

// ContainerdSocket is containerd's, in the cluster's own /run.
const ContainerdSocket = "/run/containerd/containerd.sock"

// podNetwork is the name under which containerd finds our own CNI plugin.
const podNetwork = "gatewright-ptp"

// auditPolicyFile says which requests are recorded.
const auditPolicyFile = "audit-policy.json"

// PauseImage holds the namespaces of a pod.
const PauseImage = "registry.k8s.io/pause:3.10"

// Options of a cluster beside its layout.
type Options struct {
	// Kube is the path of the program that is every Kubernetes component.
	Kube string
	// Snapshotter is containerd's: overlayfs, or native where overlayfs cannot work.
	Snapshotter string
	// CNIDir holds the CNI plugins of Debian, and PodNetwork is our own.
	CNIDir     string
	PodNetwork string
	// AuditNamespace is the namespace whose service accounts' requests the API server records; empty for
	// no record.
	AuditNamespace string
}

// Spec is one supervised program.
type Spec struct {
	// Name of the component; its log is named after it.
	Name string
	// Command is the program and its arguments.
	Command []string
}

// Specs lists the programs of the cluster in the order in which they start.
func Specs(cluster layout.Cluster, options Options) []Spec {
	kube := func(name string, flags ...string) Spec {
		return Spec{Name: name, Command: append([]string{options.Kube, name}, flags...)}
	}
	return []Spec{
		{Name: Containerd, Command: []string{"containerd", "--config", cluster.Config("containerd.toml")}},
		kube(Etcd, etcdFlags(cluster)...),
		kube(APIServer, apiServerFlags(cluster, options)...),
		kube(ControllerManager, controllerManagerFlags(cluster)...),
		kube(Scheduler,
			"--kubeconfig="+cluster.Config("scheduler.kubeconfig"),
			"--authentication-kubeconfig="+cluster.Config("scheduler.kubeconfig"),
			"--authorization-kubeconfig="+cluster.Config("scheduler.kubeconfig"),
			"--leader-elect=false",
			"--bind-address=127.0.0.1",
			"--kube-api-qps=200", "--kube-api-burst=400",
		),
		kube(Kubelet,
			"--config="+cluster.Config("kubelet.json"),
			"--kubeconfig="+cluster.Config("kubelet.kubeconfig"),
			"--hostname-override="+layout.NodeName,
			"--node-ip="+layout.NodeIPv4+","+layout.NodeIPv6,
		),
		kube(Proxy, "--config="+cluster.Config("kube-proxy.json")),
	}
}

func etcdFlags(cluster layout.Cluster) []string {
	return []string{
		"--name=etcd",
		"--data-dir=" + cluster.Path("etcd"),
		"--listen-client-urls=http://127.0.0.1:2379",
		"--advertise-client-urls=http://127.0.0.1:2379",
		"--listen-peer-urls=http://127.0.0.1:2380",
		"--initial-advertise-peer-urls=http://127.0.0.1:2380",
		"--initial-cluster=etcd=http://127.0.0.1:2380",
		// The cluster lives for one test: speed counts, not a power cut.
		"--unsafe-no-fsync",
		"--log-level=warn",
	}
}

func apiServerFlags(cluster layout.Cluster, options Options) []string {
	flags := []string{
		"--etcd-servers=http://127.0.0.1:2379",
		"--advertise-address=" + layout.NodeIPv4,
		"--bind-address=::",
		fmt.Sprintf("--secure-port=%d", layout.APIPort),
		"--service-cluster-ip-range=" + layout.ServicesIPv4 + "," + layout.ServicesIPv6,
		"--tls-cert-file=" + cluster.PKI("apiserver.crt"),
		"--tls-private-key-file=" + cluster.PKI("apiserver.key"),
		"--client-ca-file=" + cluster.PKI("ca.crt"),
		"--kubelet-certificate-authority=" + cluster.PKI("ca.crt"),
		"--kubelet-client-certificate=" + cluster.PKI("apiserver-kubelet.crt"),
		"--kubelet-client-key=" + cluster.PKI("apiserver-kubelet.key"),
		"--kubelet-preferred-address-types=InternalIP",
		"--requestheader-client-ca-file=" + cluster.PKI("front-proxy-ca.crt"),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-username-headers=X-Remote-User",
		"--proxy-client-cert-file=" + cluster.PKI("front-proxy.crt"),
		"--proxy-client-key-file=" + cluster.PKI("front-proxy.key"),
		"--service-account-issuer=https://kubernetes.default.svc." + layout.ClusterDomain,
		"--service-account-key-file=" + cluster.PKI("service-accounts.pub"),
		"--service-account-signing-key-file=" + cluster.PKI("service-accounts.key"),
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true",
	}
	if options.AuditNamespace != "" {
		flags = append(flags,
			"--audit-policy-file="+cluster.Config(auditPolicyFile),
			"--audit-log-path="+cluster.AuditLog(),
			// In megabytes: more than any test writes, so that the record stays one file.
			"--audit-log-maxsize=4096",
		)
	}
	return flags
}

func controllerManagerFlags(cluster layout.Cluster) []string {
	kubeconfig := cluster.Config("controller-manager.kubeconfig")
	return []string{
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--requestheader-client-ca-file=" + cluster.PKI("front-proxy-ca.crt"),
		"--client-ca-file=" + cluster.PKI("ca.crt"),
		"--root-ca-file=" + cluster.PKI("ca.crt"),
		"--cluster-signing-cert-file=" + cluster.PKI("ca.crt"),
		"--cluster-signing-key-file=" + cluster.PKI("ca.key"),
		"--service-account-private-key-file=" + cluster.PKI("service-accounts.key"),
		"--use-service-account-credentials=true",
		"--service-cluster-ip-range=" + layout.ServicesIPv4 + "," + layout.ServicesIPv6,
		"--cluster-cidr=" + layout.PodsIPv4 + "," + layout.PodsIPv6,
		// The only node uses all of the pods' range.
		"--allocate-node-cidrs=false",
		"--leader-elect=false",
		"--bind-address=127.0.0.1",
		"--kube-api-qps=200", "--kube-api-burst=400",
	}
}
