"""The fields of Kubernetes' types, as its public API numbers them (v1.31). Data: `tests/oracle/kubernetes` writes it.

`Type = number name kind, …` with `-` for a name where JSON has the fields inline (`<`). Kinds: ^ a pointer, [] a list,
{} a map from strings, then a word or a type; ? is left out of JSON where empty.
"""

from __future__ import annotations

KINDS = """
apps/v1 Deployment = apps.Deployment
apps/v1 ReplicaSet = apps.ReplicaSet
apps/v1 StatefulSet = apps.StatefulSet
apps/v1 DaemonSet = apps.DaemonSet
apps/v1 ControllerRevision = apps.ControllerRevision
autoscaling/v2 HorizontalPodAutoscaler = autoscaling.HorizontalPodAutoscaler
batch/v1 Job = batch.Job
batch/v1 CronJob = batch.CronJob
coordination.k8s.io/v1 Lease = coordination.Lease
discovery.k8s.io/v1 EndpointSlice = discovery.EndpointSlice
networking.k8s.io/v1 Ingress = networking.Ingress
networking.k8s.io/v1 IngressClass = networking.IngressClass
networking.k8s.io/v1 NetworkPolicy = networking.NetworkPolicy
policy/v1 PodDisruptionBudget = policy.PodDisruptionBudget
rbac.authorization.k8s.io/v1 Role = rbac.Role
rbac.authorization.k8s.io/v1 RoleBinding = rbac.RoleBinding
rbac.authorization.k8s.io/v1 ClusterRole = rbac.ClusterRole
rbac.authorization.k8s.io/v1 ClusterRoleBinding = rbac.ClusterRoleBinding
scheduling.k8s.io/v1 PriorityClass = scheduling.PriorityClass
storage.k8s.io/v1 StorageClass = storage.StorageClass
storage.k8s.io/v1 CSINode = storage.CSINode
storage.k8s.io/v1 CSIDriver = storage.CSIDriver
storage.k8s.io/v1 VolumeAttachment = storage.VolumeAttachment
v1 Namespace = Namespace
v1 ConfigMap = ConfigMap
v1 Secret = Secret
v1 Pod = Pod
v1 Service = Service
v1 Endpoints = Endpoints
v1 Node = Node
v1 ServiceAccount = ServiceAccount
v1 Event = Event
v1 PersistentVolume = PersistentVolume
v1 PersistentVolumeClaim = PersistentVolumeClaim
v1 PodTemplate = PodTemplate
v1 ReplicationController = ReplicationController
v1 LimitRange = LimitRange
v1 ResourceQuota = ResourceQuota
v1 RangeAllocation = RangeAllocation
"""

TYPES = """
AWSElasticBlockStoreVolumeSource = 1 volumeID string, 2 fsType string?, 3 partition int?, 4 readOnly bool?
Affinity = 1 nodeAffinity ^NodeAffinity?, 2 podAffinity ^PodAffinity?, 3 podAntiAffinity ^PodAntiAffinity?
AppArmorProfile = 1 type string, 2 localhostProfile ^string?
AttachedVolume = 1 name string, 2 devicePath string
AzureDiskVolumeSource = 1 diskName string, 2 diskURI string, 3 cachingMode ^string?, 4 fsType ^string?, 5 readOnly
  ^bool?, 6 kind ^string?
AzureFilePersistentVolumeSource = 1 secretName string, 2 shareName string, 3 readOnly bool?, 4 secretNamespace ^string
AzureFileVolumeSource = 1 secretName string, 2 shareName string, 3 readOnly bool?
CSIPersistentVolumeSource = 1 driver string, 2 volumeHandle string, 3 readOnly bool?, 4 fsType string?, 5
  volumeAttributes {}string?, 6 controllerPublishSecretRef ^SecretReference?, 7 nodeStageSecretRef ^SecretReference?,
  8 nodePublishSecretRef ^SecretReference?, 9 controllerExpandSecretRef ^SecretReference?, 10 nodeExpandSecretRef
  ^SecretReference?
CSIVolumeSource = 1 driver string, 2 readOnly ^bool?, 3 fsType ^string?, 4 volumeAttributes {}string?, 5
  nodePublishSecretRef ^LocalObjectReference?
Capabilities = 1 add []string?, 2 drop []string?
CephFSPersistentVolumeSource = 1 monitors []string, 2 path string?, 3 user string?, 4 secretFile string?, 5 secretRef
  ^SecretReference?, 6 readOnly bool?
CephFSVolumeSource = 1 monitors []string, 2 path string?, 3 user string?, 4 secretFile string?, 5 secretRef
  ^LocalObjectReference?, 6 readOnly bool?
CinderPersistentVolumeSource = 1 volumeID string, 2 fsType string?, 3 readOnly bool?, 4 secretRef ^SecretReference?
CinderVolumeSource = 1 volumeID string, 2 fsType string?, 3 readOnly bool?, 4 secretRef ^LocalObjectReference?
ClientIPConfig = 1 timeoutSeconds ^int?
ClusterTrustBundleProjection = 1 name ^string?, 2 signerName ^string?, 3 labelSelector ^meta.LabelSelector?, 5
  optional ^bool?, 4 path string
ConfigMap = 1 metadata meta.ObjectMeta?, 4 immutable ^bool?, 2 data {}string?, 3 binaryData {}bytes?
ConfigMapEnvSource = 1 - LocalObjectReference<, 2 optional ^bool?
ConfigMapKeySelector = 1 - LocalObjectReference<, 2 key string, 3 optional ^bool?
ConfigMapNodeConfigSource = 1 namespace string, 2 name string, 3 uid string?, 4 resourceVersion string?, 5
  kubeletConfigKey string
ConfigMapProjection = 1 - LocalObjectReference<, 2 items []KeyToPath?, 4 optional ^bool?
ConfigMapVolumeSource = 1 - LocalObjectReference<, 2 items []KeyToPath?, 3 defaultMode ^int?, 4 optional ^bool?
Container = 1 name string, 2 image string?, 3 command []string?, 4 args []string?, 5 workingDir string?, 6 ports
  []ContainerPort?, 19 envFrom []EnvFromSource?, 7 env []EnvVar?, 8 resources ResourceRequirements?, 23 resizePolicy
  []ContainerResizePolicy?, 24 restartPolicy ^string?, 9 volumeMounts []VolumeMount?, 21 volumeDevices
  []VolumeDevice?, 10 livenessProbe ^Probe?, 11 readinessProbe ^Probe?, 22 startupProbe ^Probe?, 12 lifecycle
  ^Lifecycle?, 13 terminationMessagePath string?, 20 terminationMessagePolicy string?, 14 imagePullPolicy string?, 15
  securityContext ^SecurityContext?, 16 stdin bool?, 17 stdinOnce bool?, 18 tty bool?
ContainerImage = 1 names []string, 2 sizeBytes int?
ContainerPort = 1 name string?, 2 hostPort int?, 3 containerPort int, 4 protocol string?, 5 hostIP string?
ContainerResizePolicy = 1 resourceName string, 2 restartPolicy string
ContainerState = 1 waiting ^ContainerStateWaiting?, 2 running ^ContainerStateRunning?, 3 terminated
  ^ContainerStateTerminated?
ContainerStateRunning = 1 startedAt time?
ContainerStateTerminated = 1 exitCode int, 2 signal int?, 3 reason string?, 4 message string?, 5 startedAt time?, 6
  finishedAt time?, 7 containerID string?
ContainerStateWaiting = 1 reason string?, 2 message string?
ContainerStatus = 1 name string, 2 state ContainerState?, 3 lastState ContainerState?, 4 ready bool, 5 restartCount
  int, 6 image string, 7 imageID string, 8 containerID string?, 9 started ^bool?, 10 allocatedResources {}quantity?,
  11 resources ^ResourceRequirements?, 12 volumeMounts []VolumeMountStatus?, 13 user ^ContainerUser?, 14
  allocatedResourcesStatus []ResourceStatus?
ContainerUser = 1 linux ^LinuxContainerUser?
DaemonEndpoint = 1 Port int
DownwardAPIProjection = 1 items []DownwardAPIVolumeFile?
DownwardAPIVolumeFile = 1 path string, 2 fieldRef ^ObjectFieldSelector?, 3 resourceFieldRef ^ResourceFieldSelector?, 4
  mode ^int?
DownwardAPIVolumeSource = 1 items []DownwardAPIVolumeFile?, 2 defaultMode ^int?
EmptyDirVolumeSource = 1 medium string?, 2 sizeLimit ^quantity?
EndpointAddress = 1 ip string, 3 hostname string?, 4 nodeName ^string?, 2 targetRef ^ObjectReference?
EndpointPort = 1 name string?, 2 port int, 3 protocol string?, 4 appProtocol ^string?
EndpointSubset = 1 addresses []EndpointAddress?, 2 notReadyAddresses []EndpointAddress?, 3 ports []EndpointPort?
Endpoints = 1 metadata meta.ObjectMeta?, 2 subsets []EndpointSubset?
EnvFromSource = 1 prefix string?, 2 configMapRef ^ConfigMapEnvSource?, 3 secretRef ^SecretEnvSource?
EnvVar = 1 name string, 2 value string?, 3 valueFrom ^EnvVarSource?
EnvVarSource = 1 fieldRef ^ObjectFieldSelector?, 2 resourceFieldRef ^ResourceFieldSelector?, 3 configMapKeyRef
  ^ConfigMapKeySelector?, 4 secretKeyRef ^SecretKeySelector?
EphemeralContainer = 1 - EphemeralContainerCommon<, 2 targetContainerName string?
EphemeralContainerCommon = 1 name string, 2 image string?, 3 command []string?, 4 args []string?, 5 workingDir
  string?, 6 ports []ContainerPort?, 19 envFrom []EnvFromSource?, 7 env []EnvVar?, 8 resources ResourceRequirements?,
  23 resizePolicy []ContainerResizePolicy?, 24 restartPolicy ^string?, 9 volumeMounts []VolumeMount?, 21 volumeDevices
  []VolumeDevice?, 10 livenessProbe ^Probe?, 11 readinessProbe ^Probe?, 22 startupProbe ^Probe?, 12 lifecycle
  ^Lifecycle?, 13 terminationMessagePath string?, 20 terminationMessagePolicy string?, 14 imagePullPolicy string?, 15
  securityContext ^SecurityContext?, 16 stdin bool?, 17 stdinOnce bool?, 18 tty bool?
EphemeralVolumeSource = 1 volumeClaimTemplate ^PersistentVolumeClaimTemplate?
Event = 1 metadata meta.ObjectMeta, 2 involvedObject ObjectReference, 3 reason string?, 4 message string?, 5 source
  EventSource?, 6 firstTimestamp time?, 7 lastTimestamp time?, 8 count int?, 9 type string?, 10 eventTime microtime?,
  11 series ^EventSeries?, 12 action string?, 13 related ^ObjectReference?, 14 reportingComponent string, 15
  reportingInstance string
EventSeries = 1 count int?, 2 lastObservedTime microtime?
EventSource = 1 component string?, 2 host string?
ExecAction = 1 command []string?
FCVolumeSource = 1 targetWWNs []string?, 2 lun ^int?, 3 fsType string?, 4 readOnly bool?, 5 wwids []string?
FlexPersistentVolumeSource = 1 driver string, 2 fsType string?, 3 secretRef ^SecretReference?, 4 readOnly bool?, 5
  options {}string?
FlexVolumeSource = 1 driver string, 2 fsType string?, 3 secretRef ^LocalObjectReference?, 4 readOnly bool?, 5 options
  {}string?
FlockerVolumeSource = 1 datasetName string?, 2 datasetUUID string?
GCEPersistentDiskVolumeSource = 1 pdName string, 2 fsType string?, 3 partition int?, 4 readOnly bool?
GRPCAction = 1 port int, 2 service ^string
GitRepoVolumeSource = 1 repository string, 2 revision string?, 3 directory string?
GlusterfsPersistentVolumeSource = 1 endpoints string, 2 path string, 3 readOnly bool?, 4 endpointsNamespace ^string?
GlusterfsVolumeSource = 1 endpoints string, 2 path string, 3 readOnly bool?
HTTPGetAction = 1 path string?, 2 port intorstring, 3 host string?, 4 scheme string?, 5 httpHeaders []HTTPHeader?
HTTPHeader = 1 name string, 2 value string
HostAlias = 1 ip string, 2 hostnames []string?
HostIP = 1 ip string
HostPathVolumeSource = 1 path string, 2 type ^string?
ISCSIPersistentVolumeSource = 1 targetPortal string, 2 iqn string, 3 lun int, 4 iscsiInterface string?, 5 fsType
  string?, 6 readOnly bool?, 7 portals []string?, 8 chapAuthDiscovery bool?, 11 chapAuthSession bool?, 10 secretRef
  ^SecretReference?, 12 initiatorName ^string?
ISCSIVolumeSource = 1 targetPortal string, 2 iqn string, 3 lun int, 4 iscsiInterface string?, 5 fsType string?, 6
  readOnly bool?, 7 portals []string?, 8 chapAuthDiscovery bool?, 11 chapAuthSession bool?, 10 secretRef
  ^LocalObjectReference?, 12 initiatorName ^string?
ImageVolumeSource = 1 reference string?, 2 pullPolicy string?
KeyToPath = 1 key string, 2 path string, 3 mode ^int?
Lifecycle = 1 postStart ^LifecycleHandler?, 2 preStop ^LifecycleHandler?
LifecycleHandler = 1 exec ^ExecAction?, 2 httpGet ^HTTPGetAction?, 3 tcpSocket ^TCPSocketAction?, 4 sleep
  ^SleepAction?
LimitRange = 1 metadata meta.ObjectMeta?, 2 spec LimitRangeSpec?
LimitRangeItem = 1 type string, 2 max {}quantity?, 3 min {}quantity?, 4 default {}quantity?, 5 defaultRequest
  {}quantity?, 6 maxLimitRequestRatio {}quantity?
LimitRangeSpec = 1 limits []LimitRangeItem
LinuxContainerUser = 1 uid int, 2 gid int, 3 supplementalGroups []int?
LoadBalancerIngress = 1 ip string?, 2 hostname string?, 3 ipMode ^string?, 4 ports []PortStatus?
LoadBalancerStatus = 1 ingress []LoadBalancerIngress?
LocalObjectReference = 1 name string?
LocalVolumeSource = 1 path string, 2 fsType ^string?
ModifyVolumeStatus = 1 targetVolumeAttributesClassName string?, 2 status string
NFSVolumeSource = 1 server string, 2 path string, 3 readOnly bool?
Namespace = 1 metadata meta.ObjectMeta?, 2 spec NamespaceSpec?, 3 status NamespaceStatus?
NamespaceCondition = 1 type string, 2 status string, 4 lastTransitionTime time?, 5 reason string?, 6 message string?
NamespaceSpec = 1 finalizers []string?
NamespaceStatus = 1 phase string?, 2 conditions []NamespaceCondition?
Node = 1 metadata meta.ObjectMeta?, 2 spec NodeSpec?, 3 status NodeStatus?
NodeAddress = 1 type string, 2 address string
NodeAffinity = 1 requiredDuringSchedulingIgnoredDuringExecution ^NodeSelector?, 2
  preferredDuringSchedulingIgnoredDuringExecution []PreferredSchedulingTerm?
NodeCondition = 1 type string, 2 status string, 3 lastHeartbeatTime time?, 4 lastTransitionTime time?, 5 reason
  string?, 6 message string?
NodeConfigSource = 2 configMap ^ConfigMapNodeConfigSource?
NodeConfigStatus = 1 assigned ^NodeConfigSource?, 2 active ^NodeConfigSource?, 3 lastKnownGood ^NodeConfigSource?, 4
  error string?
NodeDaemonEndpoints = 1 kubeletEndpoint DaemonEndpoint?
NodeFeatures = 1 supplementalGroupsPolicy ^bool?
NodeRuntimeHandler = 1 name string, 2 features ^NodeRuntimeHandlerFeatures?
NodeRuntimeHandlerFeatures = 1 recursiveReadOnlyMounts ^bool?, 2 userNamespaces ^bool?
NodeSelector = 1 nodeSelectorTerms []NodeSelectorTerm
NodeSelectorRequirement = 1 key string, 2 operator string, 3 values []string?
NodeSelectorTerm = 1 matchExpressions []NodeSelectorRequirement?, 2 matchFields []NodeSelectorRequirement?
NodeSpec = 1 podCIDR string?, 7 podCIDRs []string?, 3 providerID string?, 4 unschedulable bool?, 5 taints []Taint?, 6
  configSource ^NodeConfigSource?, 2 externalID string?
NodeStatus = 1 capacity {}quantity?, 2 allocatable {}quantity?, 3 phase string?, 4 conditions []NodeCondition?, 5
  addresses []NodeAddress?, 6 daemonEndpoints NodeDaemonEndpoints?, 7 nodeInfo NodeSystemInfo?, 8 images
  []ContainerImage?, 9 volumesInUse []string?, 10 volumesAttached []AttachedVolume?, 11 config ^NodeConfigStatus?, 12
  runtimeHandlers []NodeRuntimeHandler?, 13 features ^NodeFeatures?
NodeSystemInfo = 1 machineID string, 2 systemUUID string, 3 bootID string, 4 kernelVersion string, 5 osImage string, 6
  containerRuntimeVersion string, 7 kubeletVersion string, 8 kubeProxyVersion string, 9 operatingSystem string, 10
  architecture string
ObjectFieldSelector = 1 apiVersion string?, 2 fieldPath string
ObjectReference = 1 kind string?, 2 namespace string?, 3 name string?, 4 uid string?, 5 apiVersion string?, 6
  resourceVersion string?, 7 fieldPath string?
PersistentVolume = 1 metadata meta.ObjectMeta?, 2 spec PersistentVolumeSpec?, 3 status PersistentVolumeStatus?
PersistentVolumeClaim = 1 metadata meta.ObjectMeta?, 2 spec PersistentVolumeClaimSpec?, 3 status
  PersistentVolumeClaimStatus?
PersistentVolumeClaimCondition = 1 type string, 2 status string, 3 lastProbeTime time?, 4 lastTransitionTime time?, 5
  reason string?, 6 message string?
PersistentVolumeClaimSpec = 1 accessModes []string?, 4 selector ^meta.LabelSelector?, 2 resources
  VolumeResourceRequirements?, 3 volumeName string?, 5 storageClassName ^string?, 6 volumeMode ^string?, 7 dataSource
  ^TypedLocalObjectReference?, 8 dataSourceRef ^TypedObjectReference?, 9 volumeAttributesClassName ^string?
PersistentVolumeClaimStatus = 1 phase string?, 2 accessModes []string?, 3 capacity {}quantity?, 4 conditions
  []PersistentVolumeClaimCondition?, 5 allocatedResources {}quantity?, 7 allocatedResourceStatuses {}string?, 8
  currentVolumeAttributesClassName ^string?, 9 modifyVolumeStatus ^ModifyVolumeStatus?
PersistentVolumeClaimTemplate = 1 metadata meta.ObjectMeta?, 2 spec PersistentVolumeClaimSpec
PersistentVolumeClaimVolumeSource = 1 claimName string, 2 readOnly bool?
PersistentVolumeSource = 1 gcePersistentDisk ^GCEPersistentDiskVolumeSource?, 2 awsElasticBlockStore
  ^AWSElasticBlockStoreVolumeSource?, 3 hostPath ^HostPathVolumeSource?, 4 glusterfs
  ^GlusterfsPersistentVolumeSource?, 5 nfs ^NFSVolumeSource?, 6 rbd ^RBDPersistentVolumeSource?, 7 iscsi
  ^ISCSIPersistentVolumeSource?, 8 cinder ^CinderPersistentVolumeSource?, 9 cephfs ^CephFSPersistentVolumeSource?, 10
  fc ^FCVolumeSource?, 11 flocker ^FlockerVolumeSource?, 12 flexVolume ^FlexPersistentVolumeSource?, 13 azureFile
  ^AzureFilePersistentVolumeSource?, 14 vsphereVolume ^VsphereVirtualDiskVolumeSource?, 15 quobyte
  ^QuobyteVolumeSource?, 16 azureDisk ^AzureDiskVolumeSource?, 17 photonPersistentDisk
  ^PhotonPersistentDiskVolumeSource?, 18 portworxVolume ^PortworxVolumeSource?, 19 scaleIO
  ^ScaleIOPersistentVolumeSource?, 20 local ^LocalVolumeSource?, 21 storageos ^StorageOSPersistentVolumeSource?, 22
  csi ^CSIPersistentVolumeSource?
PersistentVolumeSpec = 1 capacity {}quantity?, 2 - PersistentVolumeSource<, 3 accessModes []string?, 4 claimRef
  ^ObjectReference?, 5 persistentVolumeReclaimPolicy string?, 6 storageClassName string?, 7 mountOptions []string?, 8
  volumeMode ^string?, 9 nodeAffinity ^VolumeNodeAffinity?, 10 volumeAttributesClassName ^string?
PersistentVolumeStatus = 1 phase string?, 2 message string?, 3 reason string?, 4 lastPhaseTransitionTime ^time?
PhotonPersistentDiskVolumeSource = 1 pdID string, 2 fsType string?
Pod = 1 metadata meta.ObjectMeta?, 2 spec PodSpec?, 3 status PodStatus?
PodAffinity = 1 requiredDuringSchedulingIgnoredDuringExecution []PodAffinityTerm?, 2
  preferredDuringSchedulingIgnoredDuringExecution []WeightedPodAffinityTerm?
PodAffinityTerm = 1 labelSelector ^meta.LabelSelector?, 2 namespaces []string?, 3 topologyKey string, 4
  namespaceSelector ^meta.LabelSelector?, 5 matchLabelKeys []string?, 6 mismatchLabelKeys []string?
PodAntiAffinity = 1 requiredDuringSchedulingIgnoredDuringExecution []PodAffinityTerm?, 2
  preferredDuringSchedulingIgnoredDuringExecution []WeightedPodAffinityTerm?
PodCondition = 1 type string, 2 status string, 3 lastProbeTime time?, 4 lastTransitionTime time?, 5 reason string?, 6
  message string?
PodDNSConfig = 1 nameservers []string?, 2 searches []string?, 3 options []PodDNSConfigOption?
PodDNSConfigOption = 1 name string?, 2 value ^string?
PodIP = 1 ip string
PodOS = 1 name string
PodReadinessGate = 1 conditionType string
PodResourceClaim = 1 name string, 3 resourceClaimName ^string?, 4 resourceClaimTemplateName ^string?
PodResourceClaimStatus = 1 name string, 2 resourceClaimName ^string?
PodSchedulingGate = 1 name string
PodSecurityContext = 1 seLinuxOptions ^SELinuxOptions?, 8 windowsOptions ^WindowsSecurityContextOptions?, 2 runAsUser
  ^int?, 6 runAsGroup ^int?, 3 runAsNonRoot ^bool?, 4 supplementalGroups []int?, 12 supplementalGroupsPolicy ^string?,
  5 fsGroup ^int?, 7 sysctls []Sysctl?, 9 fsGroupChangePolicy ^string?, 10 seccompProfile ^SeccompProfile?, 11
  appArmorProfile ^AppArmorProfile?
PodSpec = 1 volumes []Volume?, 20 initContainers []Container?, 2 containers []Container, 34 ephemeralContainers
  []EphemeralContainer?, 3 restartPolicy string?, 4 terminationGracePeriodSeconds ^int?, 5 activeDeadlineSeconds
  ^int?, 6 dnsPolicy string?, 7 nodeSelector {}string?, 8 serviceAccountName string?, 9 serviceAccount string?, 21
  automountServiceAccountToken ^bool?, 10 nodeName string?, 11 hostNetwork bool?, 12 hostPID bool?, 13 hostIPC bool?,
  27 shareProcessNamespace ^bool?, 14 securityContext ^PodSecurityContext?, 15 imagePullSecrets
  []LocalObjectReference?, 16 hostname string?, 17 subdomain string?, 18 affinity ^Affinity?, 19 schedulerName
  string?, 22 tolerations []Toleration?, 23 hostAliases []HostAlias?, 24 priorityClassName string?, 25 priority ^int?,
  26 dnsConfig ^PodDNSConfig?, 28 readinessGates []PodReadinessGate?, 29 runtimeClassName ^string?, 30
  enableServiceLinks ^bool?, 31 preemptionPolicy ^string?, 32 overhead {}quantity?, 33 topologySpreadConstraints
  []TopologySpreadConstraint?, 35 setHostnameAsFQDN ^bool?, 36 os ^PodOS?, 37 hostUsers ^bool?, 38 schedulingGates
  []PodSchedulingGate?, 39 resourceClaims []PodResourceClaim?
PodStatus = 1 phase string?, 2 conditions []PodCondition?, 3 message string?, 4 reason string?, 11 nominatedNodeName
  string?, 5 hostIP string?, 16 hostIPs []HostIP?, 6 podIP string?, 12 podIPs []PodIP?, 7 startTime ^time?, 10
  initContainerStatuses []ContainerStatus?, 8 containerStatuses []ContainerStatus?, 9 qosClass string?, 13
  ephemeralContainerStatuses []ContainerStatus?, 14 resize string?, 15 resourceClaimStatuses []PodResourceClaimStatus?
PodTemplate = 1 metadata meta.ObjectMeta?, 2 template PodTemplateSpec?
PodTemplateSpec = 1 metadata meta.ObjectMeta?, 2 spec PodSpec?
PortStatus = 1 port int, 2 protocol string, 3 error ^string?
PortworxVolumeSource = 1 volumeID string, 2 fsType string?, 3 readOnly bool?
PreferredSchedulingTerm = 1 weight int, 2 preference NodeSelectorTerm
Probe = 1 - ProbeHandler<, 2 initialDelaySeconds int?, 3 timeoutSeconds int?, 4 periodSeconds int?, 5 successThreshold
  int?, 6 failureThreshold int?, 7 terminationGracePeriodSeconds ^int?
ProbeHandler = 1 exec ^ExecAction?, 2 httpGet ^HTTPGetAction?, 3 tcpSocket ^TCPSocketAction?, 4 grpc ^GRPCAction?
ProjectedVolumeSource = 1 sources []VolumeProjection, 2 defaultMode ^int?
QuobyteVolumeSource = 1 registry string, 2 volume string, 3 readOnly bool?, 4 user string?, 5 group string?, 6 tenant
  string?
RBDPersistentVolumeSource = 1 monitors []string, 2 image string, 3 fsType string?, 4 pool string?, 5 user string?, 6
  keyring string?, 7 secretRef ^SecretReference?, 8 readOnly bool?
RBDVolumeSource = 1 monitors []string, 2 image string, 3 fsType string?, 4 pool string?, 5 user string?, 6 keyring
  string?, 7 secretRef ^LocalObjectReference?, 8 readOnly bool?
RangeAllocation = 1 metadata meta.ObjectMeta?, 2 range string, 3 data bytes
ReplicationController = 1 metadata meta.ObjectMeta?, 2 spec ReplicationControllerSpec?, 3 status
  ReplicationControllerStatus?
ReplicationControllerCondition = 1 type string, 2 status string, 3 lastTransitionTime time?, 4 reason string?, 5
  message string?
ReplicationControllerSpec = 1 replicas ^int?, 4 minReadySeconds int?, 2 selector {}string?, 3 template
  ^PodTemplateSpec?
ReplicationControllerStatus = 1 replicas int, 2 fullyLabeledReplicas int?, 4 readyReplicas int?, 5 availableReplicas
  int?, 3 observedGeneration int?, 6 conditions []ReplicationControllerCondition?
ResourceClaim = 1 name string, 2 request string?
ResourceFieldSelector = 1 containerName string?, 2 resource string, 3 divisor quantity?
ResourceHealth = 1 resourceID string, 2 health string?
ResourceQuota = 1 metadata meta.ObjectMeta?, 2 spec ResourceQuotaSpec?, 3 status ResourceQuotaStatus?
ResourceQuotaSpec = 1 hard {}quantity?, 2 scopes []string?, 3 scopeSelector ^ScopeSelector?
ResourceQuotaStatus = 1 hard {}quantity?, 2 used {}quantity?
ResourceRequirements = 1 limits {}quantity?, 2 requests {}quantity?, 3 claims []ResourceClaim?
ResourceStatus = 1 name string, 2 resources []ResourceHealth?
SELinuxOptions = 1 user string?, 2 role string?, 3 type string?, 4 level string?
ScaleIOPersistentVolumeSource = 1 gateway string, 2 system string, 3 secretRef ^SecretReference, 4 sslEnabled bool?, 5
  protectionDomain string?, 6 storagePool string?, 7 storageMode string?, 8 volumeName string?, 9 fsType string?, 10
  readOnly bool?
ScaleIOVolumeSource = 1 gateway string, 2 system string, 3 secretRef ^LocalObjectReference, 4 sslEnabled bool?, 5
  protectionDomain string?, 6 storagePool string?, 7 storageMode string?, 8 volumeName string?, 9 fsType string?, 10
  readOnly bool?
ScopeSelector = 1 matchExpressions []ScopedResourceSelectorRequirement?
ScopedResourceSelectorRequirement = 1 scopeName string, 2 operator string, 3 values []string?
SeccompProfile = 1 type string, 2 localhostProfile ^string?
Secret = 1 metadata meta.ObjectMeta?, 5 immutable ^bool?, 2 data {}bytes?, 4 stringData {}string?, 3 type string?
SecretEnvSource = 1 - LocalObjectReference<, 2 optional ^bool?
SecretKeySelector = 1 - LocalObjectReference<, 2 key string, 3 optional ^bool?
SecretProjection = 1 - LocalObjectReference<, 2 items []KeyToPath?, 4 optional ^bool?
SecretReference = 1 name string?, 2 namespace string?
SecretVolumeSource = 1 secretName string?, 2 items []KeyToPath?, 3 defaultMode ^int?, 4 optional ^bool?
SecurityContext = 1 capabilities ^Capabilities?, 2 privileged ^bool?, 3 seLinuxOptions ^SELinuxOptions?, 10
  windowsOptions ^WindowsSecurityContextOptions?, 4 runAsUser ^int?, 8 runAsGroup ^int?, 5 runAsNonRoot ^bool?, 6
  readOnlyRootFilesystem ^bool?, 7 allowPrivilegeEscalation ^bool?, 9 procMount ^string?, 11 seccompProfile
  ^SeccompProfile?, 12 appArmorProfile ^AppArmorProfile?
Service = 1 metadata meta.ObjectMeta?, 2 spec ServiceSpec?, 3 status ServiceStatus?
ServiceAccount = 1 metadata meta.ObjectMeta?, 2 secrets []ObjectReference?, 3 imagePullSecrets
  []LocalObjectReference?, 4 automountServiceAccountToken ^bool?
ServiceAccountTokenProjection = 1 audience string?, 2 expirationSeconds ^int?, 3 path string
ServicePort = 1 name string?, 2 protocol string?, 6 appProtocol ^string?, 3 port int, 4 targetPort intorstring?, 5
  nodePort int?
ServiceSpec = 1 ports []ServicePort?, 2 selector {}string?, 3 clusterIP string?, 18 clusterIPs []string?, 4 type
  string?, 5 externalIPs []string?, 7 sessionAffinity string?, 8 loadBalancerIP string?, 9 loadBalancerSourceRanges
  []string?, 10 externalName string?, 11 externalTrafficPolicy string?, 12 healthCheckNodePort int?, 13
  publishNotReadyAddresses bool?, 14 sessionAffinityConfig ^SessionAffinityConfig?, 19 ipFamilies []string?, 17
  ipFamilyPolicy ^string?, 20 allocateLoadBalancerNodePorts ^bool?, 21 loadBalancerClass ^string?, 22
  internalTrafficPolicy ^string?, 23 trafficDistribution ^string?
ServiceStatus = 1 loadBalancer LoadBalancerStatus?, 2 conditions []meta.Condition?
SessionAffinityConfig = 1 clientIP ^ClientIPConfig?
SleepAction = 1 seconds int
StorageOSPersistentVolumeSource = 1 volumeName string?, 2 volumeNamespace string?, 3 fsType string?, 4 readOnly bool?,
  5 secretRef ^ObjectReference?
StorageOSVolumeSource = 1 volumeName string?, 2 volumeNamespace string?, 3 fsType string?, 4 readOnly bool?, 5
  secretRef ^LocalObjectReference?
Sysctl = 1 name string, 2 value string
TCPSocketAction = 1 port intorstring, 2 host string?
Taint = 1 key string, 2 value string?, 3 effect string, 4 timeAdded ^time?
Toleration = 1 key string?, 2 operator string?, 3 value string?, 4 effect string?, 5 tolerationSeconds ^int?
TopologySelectorLabelRequirement = 1 key string, 2 values []string
TopologySelectorTerm = 1 matchLabelExpressions []TopologySelectorLabelRequirement?
TopologySpreadConstraint = 1 maxSkew int, 2 topologyKey string, 3 whenUnsatisfiable string, 4 labelSelector
  ^meta.LabelSelector?, 5 minDomains ^int?, 6 nodeAffinityPolicy ^string?, 7 nodeTaintsPolicy ^string?, 8
  matchLabelKeys []string?
TypedLocalObjectReference = 1 apiGroup ^string, 2 kind string, 3 name string
TypedObjectReference = 1 apiGroup ^string, 2 kind string, 3 name string, 4 namespace ^string?
Volume = 1 name string, 2 - VolumeSource<
VolumeDevice = 1 name string, 2 devicePath string
VolumeMount = 1 name string, 2 readOnly bool?, 7 recursiveReadOnly ^string?, 3 mountPath string, 4 subPath string?, 5
  mountPropagation ^string?, 6 subPathExpr string?
VolumeMountStatus = 1 name string, 2 mountPath string, 3 readOnly bool?, 4 recursiveReadOnly ^string?
VolumeNodeAffinity = 1 required ^NodeSelector?
VolumeProjection = 1 secret ^SecretProjection?, 2 downwardAPI ^DownwardAPIProjection?, 3 configMap
  ^ConfigMapProjection?, 4 serviceAccountToken ^ServiceAccountTokenProjection?, 5 clusterTrustBundle
  ^ClusterTrustBundleProjection?
VolumeResourceRequirements = 1 limits {}quantity?, 2 requests {}quantity?
VolumeSource = 1 hostPath ^HostPathVolumeSource?, 2 emptyDir ^EmptyDirVolumeSource?, 3 gcePersistentDisk
  ^GCEPersistentDiskVolumeSource?, 4 awsElasticBlockStore ^AWSElasticBlockStoreVolumeSource?, 5 gitRepo
  ^GitRepoVolumeSource?, 6 secret ^SecretVolumeSource?, 7 nfs ^NFSVolumeSource?, 8 iscsi ^ISCSIVolumeSource?, 9
  glusterfs ^GlusterfsVolumeSource?, 10 persistentVolumeClaim ^PersistentVolumeClaimVolumeSource?, 11 rbd
  ^RBDVolumeSource?, 12 flexVolume ^FlexVolumeSource?, 13 cinder ^CinderVolumeSource?, 14 cephfs ^CephFSVolumeSource?,
  15 flocker ^FlockerVolumeSource?, 16 downwardAPI ^DownwardAPIVolumeSource?, 17 fc ^FCVolumeSource?, 18 azureFile
  ^AzureFileVolumeSource?, 19 configMap ^ConfigMapVolumeSource?, 20 vsphereVolume ^VsphereVirtualDiskVolumeSource?, 21
  quobyte ^QuobyteVolumeSource?, 22 azureDisk ^AzureDiskVolumeSource?, 23 photonPersistentDisk
  ^PhotonPersistentDiskVolumeSource?, 26 projected ^ProjectedVolumeSource?, 24 portworxVolume ^PortworxVolumeSource?,
  25 scaleIO ^ScaleIOVolumeSource?, 27 storageos ^StorageOSVolumeSource?, 28 csi ^CSIVolumeSource?, 29 ephemeral
  ^EphemeralVolumeSource?, 30 image ^ImageVolumeSource?
VsphereVirtualDiskVolumeSource = 1 volumePath string, 2 fsType string?, 3 storagePolicyName string?, 4 storagePolicyID
  string?
WeightedPodAffinityTerm = 1 weight int, 2 podAffinityTerm PodAffinityTerm
WindowsSecurityContextOptions = 1 gmsaCredentialSpecName ^string?, 2 gmsaCredentialSpec ^string?, 3 runAsUserName
  ^string?, 4 hostProcess ^bool?
apps.ControllerRevision = 1 metadata meta.ObjectMeta?, 2 data json?, 3 revision int
apps.DaemonSet = 1 metadata meta.ObjectMeta?, 2 spec apps.DaemonSetSpec?, 3 status apps.DaemonSetStatus?
apps.DaemonSetCondition = 1 type string, 2 status string, 3 lastTransitionTime time?, 4 reason string?, 5 message
  string?
apps.DaemonSetSpec = 1 selector ^meta.LabelSelector, 2 template PodTemplateSpec, 3 updateStrategy
  apps.DaemonSetUpdateStrategy?, 4 minReadySeconds int?, 6 revisionHistoryLimit ^int?
apps.DaemonSetStatus = 1 currentNumberScheduled int, 2 numberMisscheduled int, 3 desiredNumberScheduled int, 4
  numberReady int, 5 observedGeneration int?, 6 updatedNumberScheduled int?, 7 numberAvailable int?, 8
  numberUnavailable int?, 9 collisionCount ^int?, 10 conditions []apps.DaemonSetCondition?
apps.DaemonSetUpdateStrategy = 1 type string?, 2 rollingUpdate ^apps.RollingUpdateDaemonSet?
apps.Deployment = 1 metadata meta.ObjectMeta?, 2 spec apps.DeploymentSpec?, 3 status apps.DeploymentStatus?
apps.DeploymentCondition = 1 type string, 2 status string, 6 lastUpdateTime time?, 7 lastTransitionTime time?, 4
  reason string?, 5 message string?
apps.DeploymentSpec = 1 replicas ^int?, 2 selector ^meta.LabelSelector, 3 template PodTemplateSpec, 4 strategy
  apps.DeploymentStrategy?, 5 minReadySeconds int?, 6 revisionHistoryLimit ^int?, 7 paused bool?, 9
  progressDeadlineSeconds ^int?
apps.DeploymentStatus = 1 observedGeneration int?, 2 replicas int?, 3 updatedReplicas int?, 7 readyReplicas int?, 4
  availableReplicas int?, 5 unavailableReplicas int?, 6 conditions []apps.DeploymentCondition?, 8 collisionCount ^int?
apps.DeploymentStrategy = 1 type string?, 2 rollingUpdate ^apps.RollingUpdateDeployment?
apps.ReplicaSet = 1 metadata meta.ObjectMeta?, 2 spec apps.ReplicaSetSpec?, 3 status apps.ReplicaSetStatus?
apps.ReplicaSetCondition = 1 type string, 2 status string, 3 lastTransitionTime time?, 4 reason string?, 5 message
  string?
apps.ReplicaSetSpec = 1 replicas ^int?, 4 minReadySeconds int?, 2 selector ^meta.LabelSelector, 3 template
  PodTemplateSpec?
apps.ReplicaSetStatus = 1 replicas int, 2 fullyLabeledReplicas int?, 4 readyReplicas int?, 5 availableReplicas int?, 3
  observedGeneration int?, 6 conditions []apps.ReplicaSetCondition?
apps.RollingUpdateDaemonSet = 1 maxUnavailable ^intorstring?, 2 maxSurge ^intorstring?
apps.RollingUpdateDeployment = 1 maxUnavailable ^intorstring?, 2 maxSurge ^intorstring?
apps.RollingUpdateStatefulSetStrategy = 1 partition ^int?, 2 maxUnavailable ^intorstring?
apps.StatefulSet = 1 metadata meta.ObjectMeta?, 2 spec apps.StatefulSetSpec?, 3 status apps.StatefulSetStatus?
apps.StatefulSetCondition = 1 type string, 2 status string, 3 lastTransitionTime time?, 4 reason string?, 5 message
  string?
apps.StatefulSetOrdinals = 1 start int
apps.StatefulSetPersistentVolumeClaimRetentionPolicy = 1 whenDeleted string?, 2 whenScaled string?
apps.StatefulSetSpec = 1 replicas ^int?, 2 selector ^meta.LabelSelector, 3 template PodTemplateSpec, 4
  volumeClaimTemplates []PersistentVolumeClaim?, 5 serviceName string, 6 podManagementPolicy string?, 7 updateStrategy
  apps.StatefulSetUpdateStrategy?, 8 revisionHistoryLimit ^int?, 9 minReadySeconds int?, 10
  persistentVolumeClaimRetentionPolicy ^apps.StatefulSetPersistentVolumeClaimRetentionPolicy?, 11 ordinals
  ^apps.StatefulSetOrdinals?
apps.StatefulSetStatus = 1 observedGeneration int?, 2 replicas int, 3 readyReplicas int?, 4 currentReplicas int?, 5
  updatedReplicas int?, 6 currentRevision string?, 7 updateRevision string?, 9 collisionCount ^int?, 10 conditions
  []apps.StatefulSetCondition?, 11 availableReplicas int
apps.StatefulSetUpdateStrategy = 1 type string?, 2 rollingUpdate ^apps.RollingUpdateStatefulSetStrategy?
autoscaling.ContainerResourceMetricSource = 1 name string, 2 target autoscaling.MetricTarget, 3 container string
autoscaling.ContainerResourceMetricStatus = 1 name string, 2 current autoscaling.MetricValueStatus, 3 container string
autoscaling.CrossVersionObjectReference = 1 kind string, 2 name string, 3 apiVersion string?
autoscaling.ExternalMetricSource = 1 metric autoscaling.MetricIdentifier, 2 target autoscaling.MetricTarget
autoscaling.ExternalMetricStatus = 1 metric autoscaling.MetricIdentifier, 2 current autoscaling.MetricValueStatus
autoscaling.HPAScalingPolicy = 1 type string, 2 value int, 3 periodSeconds int
autoscaling.HPAScalingRules = 3 stabilizationWindowSeconds ^int?, 1 selectPolicy ^string?, 2 policies
  []autoscaling.HPAScalingPolicy?
autoscaling.HorizontalPodAutoscaler = 1 metadata meta.ObjectMeta?, 2 spec autoscaling.HorizontalPodAutoscalerSpec?, 3
  status autoscaling.HorizontalPodAutoscalerStatus?
autoscaling.HorizontalPodAutoscalerBehavior = 1 scaleUp ^autoscaling.HPAScalingRules?, 2 scaleDown
  ^autoscaling.HPAScalingRules?
autoscaling.HorizontalPodAutoscalerCondition = 1 type string, 2 status string, 3 lastTransitionTime time?, 4 reason
  string?, 5 message string?
autoscaling.HorizontalPodAutoscalerSpec = 1 scaleTargetRef autoscaling.CrossVersionObjectReference, 2 minReplicas
  ^int?, 3 maxReplicas int, 4 metrics []autoscaling.MetricSpec?, 5 behavior
  ^autoscaling.HorizontalPodAutoscalerBehavior?
autoscaling.HorizontalPodAutoscalerStatus = 1 observedGeneration ^int?, 2 lastScaleTime ^time?, 3 currentReplicas
  int?, 4 desiredReplicas int, 5 currentMetrics []autoscaling.MetricStatus, 6 conditions
  []autoscaling.HorizontalPodAutoscalerCondition?
autoscaling.MetricIdentifier = 1 name string, 2 selector ^meta.LabelSelector?
autoscaling.MetricSpec = 1 type string, 2 object ^autoscaling.ObjectMetricSource?, 3 pods
  ^autoscaling.PodsMetricSource?, 4 resource ^autoscaling.ResourceMetricSource?, 7 containerResource
  ^autoscaling.ContainerResourceMetricSource?, 5 external ^autoscaling.ExternalMetricSource?
autoscaling.MetricStatus = 1 type string, 2 object ^autoscaling.ObjectMetricStatus?, 3 pods
  ^autoscaling.PodsMetricStatus?, 4 resource ^autoscaling.ResourceMetricStatus?, 7 containerResource
  ^autoscaling.ContainerResourceMetricStatus?, 5 external ^autoscaling.ExternalMetricStatus?
autoscaling.MetricTarget = 1 type string, 2 value ^quantity?, 3 averageValue ^quantity?, 4 averageUtilization ^int?
autoscaling.MetricValueStatus = 1 value ^quantity?, 2 averageValue ^quantity?, 3 averageUtilization ^int?
autoscaling.ObjectMetricSource = 1 describedObject autoscaling.CrossVersionObjectReference, 2 target
  autoscaling.MetricTarget, 3 metric autoscaling.MetricIdentifier
autoscaling.ObjectMetricStatus = 1 metric autoscaling.MetricIdentifier, 2 current autoscaling.MetricValueStatus, 3
  describedObject autoscaling.CrossVersionObjectReference
autoscaling.PodsMetricSource = 1 metric autoscaling.MetricIdentifier, 2 target autoscaling.MetricTarget
autoscaling.PodsMetricStatus = 1 metric autoscaling.MetricIdentifier, 2 current autoscaling.MetricValueStatus
autoscaling.ResourceMetricSource = 1 name string, 2 target autoscaling.MetricTarget
autoscaling.ResourceMetricStatus = 1 name string, 2 current autoscaling.MetricValueStatus
batch.CronJob = 1 metadata meta.ObjectMeta?, 2 spec batch.CronJobSpec?, 3 status batch.CronJobStatus?
batch.CronJobSpec = 1 schedule string, 8 timeZone ^string?, 2 startingDeadlineSeconds ^int?, 3 concurrencyPolicy
  string?, 4 suspend ^bool?, 5 jobTemplate batch.JobTemplateSpec, 6 successfulJobsHistoryLimit ^int?, 7
  failedJobsHistoryLimit ^int?
batch.CronJobStatus = 1 active []ObjectReference?, 4 lastScheduleTime ^time?, 5 lastSuccessfulTime ^time?
batch.Job = 1 metadata meta.ObjectMeta?, 2 spec batch.JobSpec?, 3 status batch.JobStatus?
batch.JobCondition = 1 type string, 2 status string, 3 lastProbeTime time?, 4 lastTransitionTime time?, 5 reason
  string?, 6 message string?
batch.JobSpec = 1 parallelism ^int?, 2 completions ^int?, 3 activeDeadlineSeconds ^int?, 11 podFailurePolicy
  ^batch.PodFailurePolicy?, 16 successPolicy ^batch.SuccessPolicy?, 7 backoffLimit ^int?, 12 backoffLimitPerIndex
  ^int?, 13 maxFailedIndexes ^int?, 4 selector ^meta.LabelSelector?, 5 manualSelector ^bool?, 6 template
  PodTemplateSpec, 8 ttlSecondsAfterFinished ^int?, 9 completionMode ^string?, 10 suspend ^bool?, 14
  podReplacementPolicy ^string?, 15 managedBy ^string?
batch.JobStatus = 1 conditions []batch.JobCondition?, 2 startTime ^time?, 3 completionTime ^time?, 4 active int?, 5
  succeeded int?, 6 failed int?, 11 terminating ^int?, 7 completedIndexes string?, 10 failedIndexes ^string?, 8
  uncountedTerminatedPods ^batch.UncountedTerminatedPods?, 9 ready ^int?
batch.JobTemplateSpec = 1 metadata meta.ObjectMeta?, 2 spec batch.JobSpec?
batch.PodFailurePolicy = 1 rules []batch.PodFailurePolicyRule
batch.PodFailurePolicyOnExitCodesRequirement = 1 containerName ^string?, 2 operator string, 3 values []int
batch.PodFailurePolicyOnPodConditionsPattern = 1 type string, 2 status string
batch.PodFailurePolicyRule = 1 action string, 2 onExitCodes ^batch.PodFailurePolicyOnExitCodesRequirement?, 3
  onPodConditions []batch.PodFailurePolicyOnPodConditionsPattern?
batch.SuccessPolicy = 1 rules []batch.SuccessPolicyRule
batch.SuccessPolicyRule = 1 succeededIndexes ^string?, 2 succeededCount ^int?
batch.UncountedTerminatedPods = 1 succeeded []string?, 2 failed []string?
coordination.Lease = 1 metadata meta.ObjectMeta?, 2 spec coordination.LeaseSpec?
coordination.LeaseSpec = 1 holderIdentity ^string?, 2 leaseDurationSeconds ^int?, 3 acquireTime ^microtime?, 4
  renewTime ^microtime?, 5 leaseTransitions ^int?, 6 strategy ^string?, 7 preferredHolder ^string?
discovery.Endpoint = 1 addresses []string, 2 conditions discovery.EndpointConditions?, 3 hostname ^string?, 4
  targetRef ^ObjectReference?, 5 deprecatedTopology {}string?, 6 nodeName ^string?, 7 zone ^string?, 8 hints
  ^discovery.EndpointHints?
discovery.EndpointConditions = 1 ready ^bool?, 2 serving ^bool?, 3 terminating ^bool?
discovery.EndpointHints = 1 forZones []discovery.ForZone?
discovery.EndpointPort = 1 name ^string?, 2 protocol ^string?, 3 port ^int?, 4 appProtocol ^string?
discovery.EndpointSlice = 1 metadata meta.ObjectMeta?, 4 addressType string, 2 endpoints []discovery.Endpoint, 3 ports
  []discovery.EndpointPort
discovery.ForZone = 1 name string
meta.Condition = 1 type string, 2 status string, 3 observedGeneration int?, 4 lastTransitionTime time, 5 reason
  string, 6 message string
meta.LabelSelector = 1 matchLabels {}string?, 2 matchExpressions []meta.LabelSelectorRequirement?
meta.LabelSelectorRequirement = 1 key string, 2 operator string, 3 values []string?
meta.ManagedFieldsEntry = 1 manager string?, 2 operation string?, 3 apiVersion string?, 4 time ^time?, 6 fieldsType
  string?, 7 fieldsV1 ^json?, 8 subresource string?
meta.ObjectMeta = 1 name string?, 2 generateName string?, 3 namespace string?, 4 selfLink string?, 5 uid string?, 6
  resourceVersion string?, 7 generation int?, 8 creationTimestamp time?, 9 deletionTimestamp ^time?, 10
  deletionGracePeriodSeconds ^int?, 11 labels {}string?, 12 annotations {}string?, 13 ownerReferences
  []meta.OwnerReference?, 14 finalizers []string?, 17 managedFields []meta.ManagedFieldsEntry?
meta.OwnerReference = 5 apiVersion string, 1 kind string, 3 name string, 4 uid string, 6 controller ^bool?, 7
  blockOwnerDeletion ^bool?
networking.HTTPIngressPath = 1 path string?, 3 pathType ^string, 2 backend networking.IngressBackend
networking.HTTPIngressRuleValue = 1 paths []networking.HTTPIngressPath
networking.IPBlock = 1 cidr string, 2 except []string?
networking.Ingress = 1 metadata meta.ObjectMeta?, 2 spec networking.IngressSpec?, 3 status networking.IngressStatus?
networking.IngressBackend = 4 service ^networking.IngressServiceBackend?, 3 resource ^TypedLocalObjectReference?
networking.IngressClass = 1 metadata meta.ObjectMeta?, 2 spec networking.IngressClassSpec?
networking.IngressClassParametersReference = 1 apiGroup ^string?, 2 kind string, 3 name string, 4 scope ^string, 5
  namespace ^string?
networking.IngressClassSpec = 1 controller string?, 2 parameters ^networking.IngressClassParametersReference?
networking.IngressLoadBalancerIngress = 1 ip string?, 2 hostname string?, 4 ports []networking.IngressPortStatus?
networking.IngressLoadBalancerStatus = 1 ingress []networking.IngressLoadBalancerIngress?
networking.IngressPortStatus = 1 port int, 2 protocol string, 3 error ^string?
networking.IngressRule = 1 host string?, 2 - networking.IngressRuleValue<
networking.IngressRuleValue = 1 http ^networking.HTTPIngressRuleValue?
networking.IngressServiceBackend = 1 name string, 2 port networking.ServiceBackendPort?
networking.IngressSpec = 4 ingressClassName ^string?, 1 defaultBackend ^networking.IngressBackend?, 2 tls
  []networking.IngressTLS?, 3 rules []networking.IngressRule?
networking.IngressStatus = 1 loadBalancer networking.IngressLoadBalancerStatus?
networking.IngressTLS = 1 hosts []string?, 2 secretName string?
networking.NetworkPolicy = 1 metadata meta.ObjectMeta?, 2 spec networking.NetworkPolicySpec?
networking.NetworkPolicyEgressRule = 1 ports []networking.NetworkPolicyPort?, 2 to []networking.NetworkPolicyPeer?
networking.NetworkPolicyIngressRule = 1 ports []networking.NetworkPolicyPort?, 2 from []networking.NetworkPolicyPeer?
networking.NetworkPolicyPeer = 1 podSelector ^meta.LabelSelector?, 2 namespaceSelector ^meta.LabelSelector?, 3 ipBlock
  ^networking.IPBlock?
networking.NetworkPolicyPort = 1 protocol ^string?, 2 port ^intorstring?, 3 endPort ^int?
networking.NetworkPolicySpec = 1 podSelector meta.LabelSelector, 2 ingress []networking.NetworkPolicyIngressRule?, 3
  egress []networking.NetworkPolicyEgressRule?, 4 policyTypes []string?
networking.ServiceBackendPort = 1 name string?, 2 number int?
policy.PodDisruptionBudget = 1 metadata meta.ObjectMeta?, 2 spec policy.PodDisruptionBudgetSpec?, 3 status
  policy.PodDisruptionBudgetStatus?
policy.PodDisruptionBudgetSpec = 1 minAvailable ^intorstring?, 2 selector ^meta.LabelSelector?, 3 maxUnavailable
  ^intorstring?, 4 unhealthyPodEvictionPolicy ^string?
policy.PodDisruptionBudgetStatus = 1 observedGeneration int?, 2 disruptedPods {}time?, 3 disruptionsAllowed int, 4
  currentHealthy int, 5 desiredHealthy int, 6 expectedPods int, 7 conditions []meta.Condition?
rbac.AggregationRule = 1 clusterRoleSelectors []meta.LabelSelector?
rbac.ClusterRole = 1 metadata meta.ObjectMeta?, 2 rules []rbac.PolicyRule, 3 aggregationRule ^rbac.AggregationRule?
rbac.ClusterRoleBinding = 1 metadata meta.ObjectMeta?, 2 subjects []rbac.Subject?, 3 roleRef rbac.RoleRef
rbac.PolicyRule = 1 verbs []string, 2 apiGroups []string?, 3 resources []string?, 4 resourceNames []string?, 5
  nonResourceURLs []string?
rbac.Role = 1 metadata meta.ObjectMeta?, 2 rules []rbac.PolicyRule
rbac.RoleBinding = 1 metadata meta.ObjectMeta?, 2 subjects []rbac.Subject?, 3 roleRef rbac.RoleRef
rbac.RoleRef = 1 apiGroup string, 2 kind string, 3 name string
rbac.Subject = 1 kind string, 2 apiGroup string?, 3 name string, 4 namespace string?
scheduling.PriorityClass = 1 metadata meta.ObjectMeta?, 2 value int, 3 globalDefault bool?, 4 description string?, 5
  preemptionPolicy ^string?
storage.CSIDriver = 1 metadata meta.ObjectMeta?, 2 spec storage.CSIDriverSpec
storage.CSIDriverSpec = 1 attachRequired ^bool?, 2 podInfoOnMount ^bool?, 3 volumeLifecycleModes []string?, 4
  storageCapacity ^bool?, 5 fsGroupPolicy ^string?, 6 tokenRequests []storage.TokenRequest?, 7 requiresRepublish
  ^bool?, 8 seLinuxMount ^bool?
storage.CSINode = 1 metadata meta.ObjectMeta?, 2 spec storage.CSINodeSpec
storage.CSINodeDriver = 1 name string, 2 nodeID string, 3 topologyKeys []string, 4 allocatable
  ^storage.VolumeNodeResources?
storage.CSINodeSpec = 1 drivers []storage.CSINodeDriver
storage.StorageClass = 1 metadata meta.ObjectMeta?, 2 provisioner string, 3 parameters {}string?, 4 reclaimPolicy
  ^string?, 5 mountOptions []string?, 6 allowVolumeExpansion ^bool?, 7 volumeBindingMode ^string?, 8 allowedTopologies
  []TopologySelectorTerm?
storage.TokenRequest = 1 audience string, 2 expirationSeconds ^int?
storage.VolumeAttachment = 1 metadata meta.ObjectMeta?, 2 spec storage.VolumeAttachmentSpec, 3 status
  storage.VolumeAttachmentStatus?
storage.VolumeAttachmentSource = 1 persistentVolumeName ^string?, 2 inlineVolumeSpec ^PersistentVolumeSpec?
storage.VolumeAttachmentSpec = 1 attacher string, 2 source storage.VolumeAttachmentSource, 3 nodeName string
storage.VolumeAttachmentStatus = 1 attached bool, 2 attachmentMetadata {}string?, 3 attachError ^storage.VolumeError?,
  4 detachError ^storage.VolumeError?
storage.VolumeError = 1 time time?, 2 message string?
storage.VolumeNodeResources = 1 count ^int?
"""
