# seal-eval on a CPU:      docker build -t seal-eval . && docker run --rm -u "$(id -u):$(id -g)" -v "$PWD:/work" seal-eval quickstart
# on NVIDIA GPUs:          docker build -t seal-eval --build-arg TORCH_INDEX=https://pypi.org/simple . && docker run --rm --gpus all …
FROM python:3.11-slim
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /src
COPY . .
RUN pip install --no-cache-dir --extra-index-url "$TORCH_INDEX" -c constraints.txt '.[api]'
# models and built samples are kept in the mounted folder, below .cache
ENV HOME=/work
WORKDIR /work
ENTRYPOINT ["seal-eval"]
