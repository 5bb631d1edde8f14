// Search in pages that were opened as files: there a browser starts no worker, so that the worker's script runs in a hidden
// frame, and messages pass as events.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(script) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      this.inside = frame.contentWindow;
      this.inside.postMessage = (data) => this.hear(data);
      this.inside.importScripts = (...urls) =>
        urls.reduce((before, url) => before.then(() => this.run(url)), Promise.resolve());
      this.begun = this.run(script);
    }

    run(url) {
      return new Promise((loaded, failed) => {
        const tag = this.inside.document.createElement("script");
        tag.src = url;
        tag.onload = loaded;
        tag.onerror = failed;
        this.inside.document.body.append(tag);
      });
    }

    hear(data) {
      const event = new MessageEvent("message", { data });
      this.dispatchEvent(event);
      if (this.onmessage) this.onmessage(event);
    }

    postMessage(data) {
      this.begun.then(() => this.inside.dispatchEvent(new MessageEvent("message", { data })));
    }

    terminate() {
      this.inside.frameElement.remove();
    }
  };
}
