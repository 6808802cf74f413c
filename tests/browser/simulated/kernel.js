/** A kernel of the Jupyter server that this page comes from, over the server's web socket, in as few words as will do. */

export async function startKernel(token) {
  const headers = { Authorization: `token ${token}` };
  const answer = await fetch("/api/kernels", { method: "POST", headers, body: JSON.stringify({ name: "python3" }) });
  const { id } = await answer.json();
  return connect(id, token);
}

/** onmessage: called with every message on IOPub. `execute` and `send` give the number of their message. */
async function connect(id, token) {
  const session = crypto.randomUUID();
  const address = `${location.origin.replace("http", "ws")}/api/kernels/${id}/channels`;
  const socket = new WebSocket(`${address}?session_id=${session}&token=${token}`);
  socket.binaryType = "arraybuffer";
  const kernel = { id, onmessage: () => undefined };
  const idle = new Map();
  socket.onmessage = ({ data }) => {
    const message = typeof data === "string" ? { buffers: [], ...JSON.parse(data) } : unpacked(data);
    if (message.channel !== "iopub") return;
    kernel.onmessage(message);
    const { msg_id } = message.parent_header;
    if (message.header.msg_type === "status" && message.content.execution_state === "idle") idle.get(msg_id)?.();
  };
  const send = (msg_type, content) => {
    const header = { msg_id: crypto.randomUUID(), msg_type, session, username: "", version: "5.3", date: "" };
    socket.send(JSON.stringify({ channel: "shell", header, parent_header: {}, metadata: {}, content, buffers: [] }));
    return header.msg_id;
  };
  /** done: resolved once the kernel is idle again. */
  kernel.execute = (code) => {
    const content = { code, silent: false, store_history: true, user_expressions: {}, allow_stdin: false };
    const message = send("execute_request", content);
    return { message, done: new Promise((done) => idle.set(message, done)) };
  };
  kernel.tell = (comm_id, data) => send("comm_msg", { comm_id, data });
  await new Promise((done) => (socket.onopen = done));
  await kernel.execute("").done; // it listens
  return kernel;
}

/** The server's format for messages with buffers: their count, where each begins, then the JSON and the buffers. */
function unpacked(data) {
  const view = new DataView(data);
  const count = view.getUint32(0);
  const starts = Array.from({ length: count }, (_, at) => view.getUint32(4 * (at + 1)));
  const parts = starts.map((start, at) => data.slice(start, starts[at + 1]));
  return { ...JSON.parse(new TextDecoder().decode(parts[0])), buffers: parts.slice(1) };
}
