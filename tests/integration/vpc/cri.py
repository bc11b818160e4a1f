# SPDX-License-Identifier: Apache-2.0
"""The container runtime interface (CRI v1), as far as a kubelet needs it to run pods: messages by table, calls by name.

Names and numbers of the fields are the interface's (k8s.io/cri-api, runtime.v1); what is not named here is ignored by protobuf.
"""
import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

from .deadline import patient

PACKAGE = "runtime.v1"
SERVICE = f"/{PACKAGE}.RuntimeService/"
STRINGS, MAP = "string*", "map"

# message -> field -> (number, type); "X*" is a list of X, MAP a map of strings.
MESSAGES = {
    "PortMapping": {"protocol": (1, "int32"), "container_port": (2, "int32"), "host_port": (3, "int32")},
    "Mount": {"container_path": (1, "string"), "host_path": (2, "string"), "readonly": (3, "bool"), "propagation": (5, "int32")},
    "NamespaceOption": {"network": (1, "int32"), "pid": (2, "int32"), "ipc": (3, "int32")},
    "Int64Value": {"value": (1, "int64")},
    "LinuxSandboxSecurityContext": {"namespace_options": (1, "NamespaceOption")},
    "LinuxPodSandboxConfig": {"cgroup_parent": (1, "string"), "security_context": (2, "LinuxSandboxSecurityContext")},
    "PodSandboxMetadata": {"name": (1, "string"), "uid": (2, "string"), "namespace": (3, "string"), "attempt": (4, "uint32")},
    "PodSandboxConfig": {
        "metadata": (1, "PodSandboxMetadata"),
        "hostname": (2, "string"),
        "log_directory": (3, "string"),
        "port_mappings": (5, "PortMapping*"),
        "labels": (6, MAP),
        "annotations": (7, MAP),
        "linux": (8, "LinuxPodSandboxConfig"),
    },
    "RunPodSandboxRequest": {"config": (1, "PodSandboxConfig")},
    "RunPodSandboxResponse": {"pod_sandbox_id": (1, "string")},
    "StopPodSandboxRequest": {"pod_sandbox_id": (1, "string")},
    "StopPodSandboxResponse": {},
    "RemovePodSandboxRequest": {"pod_sandbox_id": (1, "string")},
    "RemovePodSandboxResponse": {},
    "PodSandboxNetworkStatus": {"ip": (1, "string")},
    "PodSandboxStatus": {"id": (1, "string"), "state": (3, "int32"), "network": (5, "PodSandboxNetworkStatus")},
    "PodSandboxStatusRequest": {"pod_sandbox_id": (1, "string"), "verbose": (2, "bool")},
    "PodSandboxStatusResponse": {"status": (1, "PodSandboxStatus"), "info": (2, MAP)},
    "PodSandbox": {"id": (1, "string"), "metadata": (2, "PodSandboxMetadata"), "state": (3, "int32")},
    "ListPodSandboxRequest": {},
    "ListPodSandboxResponse": {"items": (1, "PodSandbox*")},
    "ImageSpec": {"image": (1, "string")},
    "KeyValue": {"key": (1, "string"), "value": (2, "string")},
    "LinuxContainerResources": {"memory_limit_in_bytes": (4, "int64")},
    "Capability": {"add_capabilities": (1, STRINGS), "drop_capabilities": (2, STRINGS)},
    "SecurityProfile": {"profile_type": (1, "int32")},
    "LinuxContainerSecurityContext": {
        "capabilities": (1, "Capability"),
        "privileged": (2, "bool"),
        "namespace_options": (3, "NamespaceOption"),
        "readonly_rootfs": (7, "bool"),
        "no_new_privs": (11, "bool"),
        "masked_paths": (13, STRINGS),
        "readonly_paths": (14, STRINGS),
        "seccomp": (15, "SecurityProfile"),
    },
    "LinuxContainerConfig": {"resources": (1, "LinuxContainerResources"), "security_context": (2, "LinuxContainerSecurityContext")},
    "ContainerMetadata": {"name": (1, "string"), "attempt": (2, "uint32")},
    "ContainerConfig": {
        "metadata": (1, "ContainerMetadata"),
        "image": (2, "ImageSpec"),
        "command": (3, STRINGS),
        "args": (4, STRINGS),
        "envs": (6, "KeyValue*"),
        "mounts": (7, "Mount*"),
        "log_path": (11, "string"),
        "linux": (15, "LinuxContainerConfig"),
    },
    "CreateContainerRequest": {
        "pod_sandbox_id": (1, "string"),
        "config": (2, "ContainerConfig"),
        "sandbox_config": (3, "PodSandboxConfig"),
    },
    "CreateContainerResponse": {"container_id": (1, "string")},
    "StartContainerRequest": {"container_id": (1, "string")},
    "StartContainerResponse": {},
    "StopContainerRequest": {"container_id": (1, "string"), "timeout": (2, "int64")},
    "StopContainerResponse": {},
    "RemoveContainerRequest": {"container_id": (1, "string")},
    "RemoveContainerResponse": {},
    "ContainerStatus": {"id": (1, "string"), "state": (3, "int32"), "exit_code": (7, "int32"), "reason": (10, "string")},
    "ContainerStatusRequest": {"container_id": (1, "string")},
    "ContainerStatusResponse": {"status": (1, "ContainerStatus")},
    "ExecSyncRequest": {"container_id": (1, "string"), "cmd": (2, STRINGS), "timeout": (3, "int64")},
    "ExecSyncResponse": {"stdout": (1, "bytes"), "stderr": (2, "bytes"), "exit_code": (3, "int32")},
    "RuntimeCondition": {"type": (1, "string"), "status": (2, "bool"), "reason": (3, "string"), "message": (4, "string")},
    "RuntimeStatus": {"conditions": (1, "RuntimeCondition*")},
    "StatusRequest": {},
    "StatusResponse": {"status": (1, "RuntimeStatus")},
}
_Field = descriptor_pb2.FieldDescriptorProto
SCALARS = {
    "string": _Field.TYPE_STRING,
    "bytes": _Field.TYPE_BYTES,
    "bool": _Field.TYPE_BOOL,
    "int32": _Field.TYPE_INT32,
    "uint32": _Field.TYPE_UINT32,
    "int64": _Field.TYPE_INT64,
}
SANDBOX_READY, CONTAINER_RUNNING, CONTAINER_EXITED = 0, 1, 2
NAMESPACE_NODE = 2
SECCOMP_RUNTIME_DEFAULT = 0


def _add_field(message, name, number, kind):
    field = message.field.add(name=name, number=number, label=_Field.LABEL_REPEATED if kind[-1] == "*" or kind == MAP else _Field.LABEL_OPTIONAL)
    kind = kind.rstrip("*")
    if kind in SCALARS:
        field.type = SCALARS[kind]
        return
    field.type = _Field.TYPE_MESSAGE
    if kind != MAP:
        field.type_name = f".{PACKAGE}.{kind}"
        return
    entry = message.nested_type.add(name="".join(part.title() for part in name.split("_")) + "Entry")
    entry.options.map_entry = True
    for index, part in enumerate(("key", "value"), 1):
        entry.field.add(name=part, number=index, label=_Field.LABEL_OPTIONAL, type=_Field.TYPE_STRING)
    field.type_name = f".{PACKAGE}.{message.name}.{entry.name}"


def _classes():
    file = descriptor_pb2.FileDescriptorProto(name="cri.proto", package=PACKAGE, syntax="proto3")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            _add_field(message, field, number, kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}")) for name in MESSAGES}


CLASSES = _classes()


class Client:
    """call("RunPodSandbox", deadline_s, config={...}): the reply as a message; grpc.RpcError if it fails."""

    def __init__(self, socket):
        self.channel = grpc.insecure_channel(f"unix://{socket}")

    def call(self, method, deadline_s=patient(60), **request):
        reply = CLASSES[method + "Response"]
        invoke = self.channel.unary_unary(
            SERVICE + method,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=reply.FromString,
        )
        message = json_format.ParseDict(request, CLASSES[method + "Request"]())
        return invoke(message, timeout=deadline_s, wait_for_ready=True)

    def close(self):
        self.channel.close()
