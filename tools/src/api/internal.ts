/** Names that the declarations of an entry point use and that it does not export: an application is handed such values, or has nothing to do with them, and never writes their types. */
export const INTERNAL: Readonly<Record<string, readonly string[]>> = {
  "@mptcp/scenario": [
    "BULK.keys", "CHANGE.keys", "Change", "Derived", "EXPECT.keys", "FieldPath", "Flat", "HOST.keys", "INTERFACE.keys", "LINK.keys", "LINK_SHAPE.keys", "LIVE.keys",
    "LOSS.keys", "LinkShape", "LossValue", "MEANINGS", "MiddleboxParameters", "OptionalKey", "PATH.keys", "PROTOCOL.keys", "PlanExpect", "PlanProtocol",
    "PlanWorkload", "Planned", "Problem", "QUEUE.keys", "REQUEST.keys", "ROUTER.keys", "SCENARIO.keys", "Scenario", "Schema", "TOPOLOGY.keys",
    "WORKLOAD.keys", "Work", "Written",
  ],
  "mptcp": [
    "CookieKeys", "DeadlineOwner", "Deadlines", "DecisionLog", "ECN_MODES", "ECN_OPTIONS", "EcnFeedback", "EndpointId", "EventBase", "FastOpenAdmission", "FastOpenAnswer", "FastOpenClient",
    "FastOpenServer", "HandOver", "HostMemory", "HostRandom", "IcmpError", "InitialNumbers", "LateJoin", "Lingerer", "MptcpConnectionOptions",
    "MptcpEnvironment", "MultipathContext", "PathMtu", "Receiver", "RegularContext", "RttEstimator", "SegmentPool", "Sender", "Service", "Session", "SnapshotBody",
    "Subflow", "Tally", "TcpEnvironment", "TcpOwner", "TimeWait", "TimeWaitsOwner", "Timed", "Timer", "Versioned", "WaitingTuple",
  ],
  "mptcp/drill": ["Flow", "LivePacket", "NON_FATAL", "Pointing", "RunObserver", "StepCommon", "Variables"],
  "mptcp/node": [
    "CommandResult", "ERROR_CODES", "EVENTS", "HELLO", "Leaver", "METHODS", "NodeHandle", "Of", "Offloads", "PathError", "PortListener", "RecordOf",
    "SystemCalls", "UserspaceConnectOptions", "UserspaceServerOptions", "connectionStatus", "endpoint", "policy", "policyKind", "status", "subflowStatus",
  ],
  "mptcp/sim": [
    "PARAMETERS", "SEGMENT_SORTS", "Transmitter", "WAYS",
  ],
  "mptcp/testing": [
    "CongestionRule", "LinkRule", "LossRule", "MiddleboxRule", "PathManagerRule", "PathTable", "SchedulerRule",
  ],
};
