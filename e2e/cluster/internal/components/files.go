package components

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"gatewright.dev/e2e/cluster/internal/layout"
	"gatewright.dev/e2e/cluster/internal/pki"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// object is a configuration file in JSON form.
type object map[string]any

// Write saves the configuration files and kubeconfigs of all components.
func Write(cluster layout.Cluster, options Options, authority *pki.Authority) error {
	for _, dir := range []string{cluster.Path("config"), cluster.Config("cni")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	files := map[string]any{
		"kubelet.json":            kubeletConfig(cluster),
		"kube-proxy.json":         proxyConfig(cluster),
		"cni/10-cluster.conflist": cniConfig(),
	}
	if options.AuditNamespace != "" {
		files[auditPolicyFile] = auditPolicy(options.AuditNamespace)
	}
	for name, content := range files {
		text, err := json.MarshalIndent(content, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(cluster.Config(name), text, 0o644); err != nil {
			return err
		}
	}
	texts := map[string]string{
		"containerd.toml": containerdConfig(cluster, options),
		// Pods that use the node's resolver have none: there is no network outside the cluster.
		"pods-resolv.conf": "# no name server outside the cluster\n",
		"node-resolv.conf": fmt.Sprintf("nameserver %s\nsearch svc.%s %s\noptions ndots:5\n", layout.DNSIP, layout.ClusterDomain, layout.ClusterDomain),
	}
	for name, text := range texts {
		if err := os.WriteFile(cluster.Config(name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	if err := linkPlugins(cluster, options); err != nil {
		return err
	}
	return writeKubeconfigs(cluster, authority)
}

// linkPlugins gathers the CNI plugins in one folder, as containerd looks in no other.
func linkPlugins(cluster layout.Cluster, options Options) error {
	links := map[string]string{podNetwork: options.PodNetwork}
	for _, plugin := range []string{"ptp", "host-local", "loopback", "portmap"} {
		links[plugin] = filepath.Join(options.CNIDir, plugin)
	}
	if err := os.MkdirAll(cluster.Config("cni-plugins"), 0o755); err != nil {
		return err
	}
	for name, target := range links {
		if _, err := os.Stat(target); err != nil {
			return fmt.Errorf("CNI plugin: %w", err)
		}
		if err := os.Symlink(target, cluster.Config("cni-plugins/"+name)); err != nil {
			return err
		}
	}
	return nil
}

func writeKubeconfigs(cluster layout.Cluster, authority *pki.Authority) error {
	for user, pair := range authority.Users {
		config, err := kubeconfig(cluster.Name, user, authority.CA, pair)
		if err != nil {
			return err
		}
		path := cluster.Config(user + ".kubeconfig")
		if user == "admin" {
			path = cluster.Kubeconfig()
		}
		if err := clientcmd.WriteToFile(*config, path); err != nil {
			return err
		}
	}
	return nil
}

func kubeconfig(cluster, user string, ca, pair *pki.Pair) (*api.Config, error) {
	key, err := pair.KeyPEM()
	if err != nil {
		return nil, err
	}
	config := api.NewConfig()
	config.Clusters[cluster] = &api.Cluster{
		Server:                   fmt.Sprintf("https://%s:%d", layout.NodeIPv4, layout.APIPort),
		CertificateAuthorityData: ca.CertificatePEM(),
	}
	config.AuthInfos[user] = &api.AuthInfo{ClientCertificateData: pair.CertificatePEM(), ClientKeyData: key}
	config.Contexts[cluster] = &api.Context{Cluster: cluster, AuthInfo: user}
	config.CurrentContext = cluster
	return config, nil
}

func kubeletConfig(cluster layout.Cluster) object {
	return object{
		"apiVersion":               "kubelet.config.k8s.io/v1beta1",
		"kind":                     "KubeletConfiguration",
		"containerRuntimeEndpoint": "unix://" + ContainerdSocket,
		"authentication": object{
			"anonymous": object{"enabled": false},
			"webhook":   object{"enabled": true},
			"x509":      object{"clientCAFile": cluster.PKI("ca.crt")},
		},
		"authorization":          object{"mode": "Webhook"},
		"tlsCertFile":            cluster.PKI("kubelet-server.crt"),
		"tlsPrivateKeyFile":      cluster.PKI("kubelet-server.key"),
		"clusterDNS":             []string{layout.DNSIP},
		"clusterDomain":          layout.ClusterDomain,
		"resolvConf":             cluster.Config("pods-resolv.conf"),
		"cgroupDriver":           "cgroupfs",
		"cgroupsPerQOS":          false,
		"enforceNodeAllocatable": []string{},
		"failCgroupV1":           false,
		"failSwapOn":             false,
		// A lower score than 0 takes CAP_SYS_RESOURCE, which a container's root does not have.
		"oomScoreAdj": 0,
		// The disk is the machine's: nothing is evicted, and no imported image collected.
		"evictionHard": object{
			"memory.available": "1Mi", "nodefs.available": "0%", "nodefs.inodesFree": "0%",
			"imagefs.available": "0%", "imagefs.inodesFree": "0%",
		},
		"imageGCHighThresholdPercent": 100,
		"imageGCLowThresholdPercent":  99,
		"maxPods":                     250,
		"serializeImagePulls":         false,
		"kubeAPIQPS":                  200,
		"kubeAPIBurst":                400,
		"eventRecordQPS":              0,
		// No pod is resized here, and v1.34's kubelet ends with a panic (doPodResizeAction, a memory limit that is nil)
		// when it looks at a pod that was deleted by force: it takes the difference for a resize. A kubelet that
		// begins anew calls every pod unready until its next probe, so that no Service has an endpoint meanwhile.
		"featureGates": object{"InPlacePodVerticalScaling": false},
	}
}

func proxyConfig(cluster layout.Cluster) object {
	return object{
		"apiVersion":       "kubeproxy.config.k8s.io/v1alpha1",
		"kind":             "KubeProxyConfiguration",
		"mode":             "iptables",
		"bindAddress":      "0.0.0.0",
		"hostnameOverride": layout.NodeName,
		"clusterCIDR":      layout.PodsIPv4 + "," + layout.PodsIPv6,
		"clientConnection": object{"kubeconfig": cluster.Config("proxy.kubeconfig")},
		// These settings of the kernel cannot be written from a network namespace.
		"conntrack":   object{"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
		"oomScoreAdj": 0,
		// A change reaches the rules at once instead of within a second.
		"iptables": object{"minSyncPeriod": "100ms", "syncPeriod": "30s"},
	}
}

// auditPolicy records who asked for what and whether it was allowed, without any content, for the service
// accounts of one namespace. A watch is recorded when it begins: it may outlast the cluster.
func auditPolicy(namespace string) object {
	return object{
		"apiVersion": "audit.k8s.io/v1",
		"kind":       "Policy",
		"omitStages": []string{"RequestReceived"},
		"rules": []object{
			{"level": "Metadata", "userGroups": []string{"system:serviceaccounts:" + namespace}},
			{"level": "None"},
		},
	}
}

// cniConfig gives each pod a veth pair of its own and routes everything, so that the rules of
// kube-proxy also see what one pod sends to another.
func cniConfig() object {
	return object{
		"cniVersion": "0.4.0",
		"name":       "cluster",
		"plugins": []object{
			{
				"type": podNetwork,
				"mtu":  1500,
				"ipam": object{
					"type":    "host-local",
					"dataDir": "/run/cni/addresses",
					"ranges":  [][]object{{{"subnet": layout.PodsIPv4}}, {{"subnet": layout.PodsIPv6}}},
					"routes":  []object{{"dst": "0.0.0.0/0"}, {"dst": "::/0"}},
				},
			},
			{"type": "portmap", "capabilities": object{"portMappings": true}},
		},
	}
}

func containerdConfig(cluster layout.Cluster, options Options) string {
	return fmt.Sprintf(`version = 2
root = %q
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.opt",
]
[grpc]
  address = %q
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %q
  stream_server_address = "127.0.0.1"
  disable_apparmor = true
  # Sandboxes ask for a score below the runtime's, which takes CAP_SYS_RESOURCE.
  restrict_oom_score_adj = true
  # Any user of a pod binds any port, as newer runtimes allow by default.
  enable_unprivileged_ports = true
  enable_unprivileged_icmp = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = %q
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = %q
    conf_dir = %q
`, cluster.Path("containerd"), ContainerdSocket, PauseImage, options.Snapshotter, cluster.Config("cni-plugins"), cluster.Config("cni"))
}
