FROM node:24.21-bookworm-slim AS node
WORKDIR /app
ENV NODE_ENV=production

# What is installed changes with these files only, so that a change to the source does not fetch anything again.
FROM node AS dependencies
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts

FROM dependencies AS build
RUN npm ci --include=dev --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY services ./services
COPY shared ./shared
RUN npm run build

FROM node
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json ./
COPY --from=build /app/dist ./dist
# The folder that user `node` may write, and with it a new volume that is mounted here. Dev mode keeps its state in it.
RUN ln -s /app/dist/services/cli/main.js /usr/local/bin/token-ledger && install -d -o node -g node -m 0700 /data
ENV LEDGER_DATA_DIR=/data
USER node
EXPOSE 4444 4445
ENTRYPOINT ["token-ledger"]
CMD ["serve", "all"]
